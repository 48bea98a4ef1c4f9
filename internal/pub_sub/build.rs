//! Lets faults be planted in a program that is built for that, and in no other.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DISTCACHE_MUTANTS");
    println!("cargo:rustc-check-cfg=cfg(distcache_mutants)");
    if std::env::var_os("DISTCACHE_MUTANTS").is_some_and(|set| set == "1") {
        println!("cargo:rustc-cfg=distcache_mutants");
    }
}
