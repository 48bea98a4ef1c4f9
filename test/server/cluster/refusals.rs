//! What cannot be a node is told in one line, which names the flag that mends it.

use crate::flags::refused;

#[test]
fn what_is_wrong_with_a_node_names_its_flag() {
    refused(&["-nodes=localhost:1"], &["--nodes", "--mode node"]);
    refused(&["-mode=node", "-port=60000"], &["--port", "--peer-listen"]);
    refused(&["-mode=node", "-nodes=nowhere"], &["--nodes", "HOST:PORT"]);
    refused(&["-mode=node", "-port=0", "--peer-listen", "0.0.0.0:0"], &["DC-151", "--insecure"]);
    refused(
        &["-mode=node", "-port=0", "--peer-listen", "192.0.2.7:1", "--insecure"],
        &["DC-151", "--peer-listen", "192.0.2.7:1"],
    );
}
