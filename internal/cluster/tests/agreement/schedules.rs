//! Random faults, by seed.

use std::time::Duration;

use crate::world::{D, Dice, Kind, World};

/// How many schedules one run tries.
const SEEDS: u64 = 200;

/// How many things go wrong in one of them.
const FAULTS: u64 = 8;

/// After each of these schedules the members are one cluster again, and while it lasted
/// no two served one key. What a seed repeats is the faults; the ids and the elections
/// are drawn anew.
#[test]
fn random_faults_make_no_two_owners_and_end_in_one_epoch() {
    let mut served = 0;
    for seed in 0..SEEDS {
        let world = play(seed);
        assert_eq!(world.oracle.wrong(), None, "seed {seed}");
        served += world.oracle.served;
    }
    // An oracle that looks at nobody who serves sees nothing.
    assert!(SEEDS * 500 < served, "{served}");
}

fn play(seed: u64) -> World {
    let mut dice = Dice(seed);
    let count = 3 + dice.pick(3);
    let mut world = World::of(count);
    for host in &world.hosts {
        host.set_clock_rate(995_100 + u32::try_from(dice.roll(9_900)).expect("few"));
    }
    let all: Vec<usize> = (0..count).collect();
    world.until_one_cluster_of(&all);
    world.net.roughen(seed, 1 + dice.roll(60), dice.roll(4));
    for _ in 0..FAULTS {
        go_wrong(&mut world, &mut dice, count);
        world.run(Duration::from_millis(dice.roll(2500)));
    }
    world.net.heal();
    world.net.roughen(seed, 2, 0);
    let dead: Vec<usize> =
        all.iter().copied().filter(|index| !world.hosts[*index].is_alive()).collect();
    for index in dead {
        world.restart(index);
    }
    let what = format!("seed {seed}: all are one cluster");
    world.run_until(Duration::from_mins(2), &what, |world| world.is_one_cluster_of(&all));
    world
}

fn go_wrong(world: &mut World, dice: &mut Dice, count: usize) {
    let one = dice.pick(count);
    let (here, there): (Vec<usize>, Vec<usize>) = (0..count).partition(|_| dice.roll(2) == 0);
    match dice.roll(8) {
        0 | 1 => world.net.cut(&here, &there),
        2 => world.net.cut_way(&here, &there),
        3 => world.net.cut(&[one], &world.others(&[one])),
        4 => world.net.heal(),
        5 if world.hosts[one].is_alive() => world.kill(one),
        5 => world.restart(one),
        _ => {
            let kind = if dice.roll(2) == 0 { Kind::Asleep } else { Kind::Stopped };
            let until = world.now + Duration::from_millis(dice.roll(5000));
            world.hosts[one].pause(kind, until.min(world.now + 2 * D));
        }
    }
}
