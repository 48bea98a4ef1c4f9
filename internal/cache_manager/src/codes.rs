//! The one table of stable codes: what went wrong, and what to do about it.
//!
//! Every error, warning and health reason that leaves the process carries one
//! of these. A code is never reused and never changes its meaning;
//! `api/ERRORS.md` is this table in prose, and a test holds the two together.

use std::fmt;

/// One stable code, its meaning and its remedy.
///
/// Displays as `DC-nnn`, with three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    number: u16,
    meaning: &'static str,
    remedy: &'static str,
}

impl Code {
    /// The code of a number, if there is one.
    pub fn of_number(number: u16) -> Option<Self> {
        ALL.iter().copied().find(|code| code.number == number)
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.number
    }

    /// What the code says happened, in one sentence.
    pub fn meaning(self) -> &'static str {
        self.meaning
    }

    /// What a person can do about it, in one sentence.
    pub fn remedy(self) -> &'static str {
        self.remedy
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DC-{:03}", self.number)
    }
}

/// Declares each code as a constant and all of them as [`ALL`].
macro_rules! codes {
    ($($name:ident = $number:literal, $meaning:literal, $remedy:literal;)+) => {
        $(
            #[doc = $meaning]
            #[doc = ""]
            #[doc = $remedy]
            pub const $name: Code = Code { number: $number, meaning: $meaning, remedy: $remedy };
        )+
        /// Every code there is, in ascending order.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    // 1xx: the cache itself.
    CLOSED = 101, "The cache has been shut down.", "Send the request to a process that is running.";
    TIMED_OUT = 102, "The data node did not answer within the deadline; the outcome of a write is unknown.", "Read the key to see which value it has, or retry; raise the timeout if it happens often.";
    NODE_FAILED = 103, "The data node failed while it ran the request; it is being replaced.", "Retry: the replacement starts empty.";
    BUSY = 104, "The data node's inbox is full.", "Retry later, or use `--dispatch inline`.";
    VALUE_TOO_LARGE = 105, "The value is larger than the limit for one value.", "Store a smaller value, or raise `--max-value` and `--capacity`.";
    KEY_TOO_LONG = 106, "The key is longer than 65,535 bytes.", "Use a shorter key, for example a digest of it.";
    NODE_UNKNOWN = 107, "No data node has this name.", "List the nodes: GET /v1/nodes.";
    NODE_SILENT = 108, "A data node has not reported its status in time and was replaced by an empty one.", "Look in the log for what held it; its keys load again.";
    NODE_PANICKED = 109, "A data node panicked and was replaced by an empty one.", "Report the panic message from the log; its keys load again.";
    NO_NODES = 110, "There is no data node to hold the key.", "Add a data node.";
    SPAWN_FAILED = 111, "A thread could not be started.", "Raise the process's thread limit.";
    CAPACITY_TOO_SMALL = 112, "The capacity is too small for the data nodes or the largest value.", "Raise `--capacity`, or lower `--data-nodes` or `--max-value`.";
    SHUTDOWN_INCOMPLETE = 113, "Some threads did not stop within the shutdown deadline.", "Look in the log for what held them.";
    DRAINING = 114, "The server is draining: it finishes what it has and takes nothing new.", "Send the request to another process.";
    LAST_NODE = 115, "The last data node cannot be removed.", "Add another data node first, or shut the cache down.";
    TOO_MANY_TAGS = 116, "The value has more tags than a value can have.", "Give at most 31 tags.";
    UNMET = 117, "The key has another value than the condition asks for.", "Read the key, and decide again.";
    NO_NUMBER = 118, "The value is not the decimal text of a 64-bit whole number.", "Delete the key, or put a number first.";
    OVERFLOW = 119, "The sum is not a 64-bit whole number.", "Put a smaller number first.";
    KEYSPACE_UNKNOWN = 120, "There is no keyspace of this name, or not any more.", "Add it first, or look for a typing error.";
    KEYSPACE_EXISTS = 121, "There is a keyspace of this name already.", "Change that one, or choose another name.";
    KEYSPACE_NAME_INVALID = 122, "The name of a keyspace is empty, too long, or has a `/` or a control character.", "Choose a name of 1 to 255 bytes without them.";
    KEYSPACE_REFUSED = 123, "The limits of a keyspace do not go together.", "See the detail for both numbers.";
    KEYSPACES_FULL = 124, "There are as many keyspaces as one process can have.", "Remove one first: there can be 1,024.";
    CONTENT_TYPE_INVALID = 125, "The content type of a value, or the validator by which its source knows it, is not one.", "Give a content type of 1 to 255 visible ASCII characters and spaces, and a validator of 1 to 512 bytes; or leave it out.";
    SOURCE_FAILED = 131, "The data source failed; nothing of that is kept.", "Look at the detail and at the source; the next read tries again.";
    SOURCE_TIMED_OUT = 132, "The data source gave no answer within the load timeout.", "Look at the source, or raise the keyspace's load timeout.";
    SOURCE_PANICKED = 133, "The data source panicked.", "Report the panic message to whoever wrote the source.";
    SOURCE_BUSY = 134, "As many loads wait for the data source, or callers for one load, as the keyspace allows.", "Retry later; raise the keyspace's loads at once or loads that wait, if the source can bear it.";
    RATE_LIMITED = 135, "The data source is not asked more often than its rate limit allows.", "Retry later, or raise the keyspace's rate limit.";
    CIRCUIT_OPEN = 136, "The data source has failed again and again, and is left alone for a while.", "Look at the source; it is tried again by itself.";
    LOAD_CANCELLED = 137, "The load was cancelled: its keyspace was removed, or the process is shutting down.", "Send the request to a process that is running.";
    WAITED_TOO_LONG = 138, "The value was not loaded within the read timeout; the load goes on.", "Retry: the value may be there by then. Raise the read timeout if it happens often.";
    STORE_FAILED = 139, "The store refused or failed a write; whether it was made is unknown, and the key was forgotten.", "Look at the detail and at the store, and write again.";
    STORE_TIMED_OUT = 140, "The store did not answer a write in time; its outcome is unknown, and the key was forgotten.", "Read the key to see what it has, and write again.";
    STORE_BUSY = 141, "As many writes wait for the store as the keyspace allows; nothing has changed.", "Retry later, or let more writes wait.";
    CODEC_FAILED = 142, "A value could not be turned into bytes, or bytes into a value of the type asked for.", "Look at the detail; forget the key if another version of a service wrote it.";
    CHANGES_BUSY = 143, "As many changes of keyspaces wait as may; nothing has changed.", "Retry after the time in `Retry-After`.";
    ELSEWHERE = 144, "Another process answers for this key, or nobody does at the moment; nothing has changed.", "Retry: who answers is known again within the time of a lease.";
    CLAIM_ENDED = 145, "This process stopped answering for the key while it made the change; whether anybody will see it is unknown.", "Read the key to see which value it has, and write again.";
    NODE_REFUSED = 146, "A data node could not be added, or a new ring not be made.", "See the detail: raise `--capacity`, or remove a data node first.";

    OWNER_UNREACHABLE = 147, "The member that owns the key could not be reached in time; nothing has changed.", "Retry: a member that is gone is replaced within the time of a lease and a second. Look at GET /v1/members.";
    NO_LEASE = 148, "Nobody may answer for the key now: this member has no lease, or is in no cluster yet; nothing has changed.", "Retry; if it stays so, see that a majority of the members run and reach each other.";
    OUTCOME_UNKNOWN = 149, "The member that owns the key was asked, and did not say whether it was done.", "Read the key to see which value it has, and do it again if need be.";
    NOT_UNDERSTOOD = 150, "Another member does not understand the request, or its answer was not understood.", "See that all members run versions that go together.";
    CLUSTER_REFUSED = 151, "The settings of the cluster are refused, or its address cannot be used.", "See the detail for what was wrong and what would be right.";
    NOT_AGREED = 152, "The members of the cluster did not agree on a change of keyspaces, or not all have made it in time.", "See that a majority of the members run, and make the change again.";
    NOT_COMMITTED = 153, "Not all members that keep a copy of the key have confirmed its last change in time; whether a change that was made stays is unknown.", "Retry: a member that is gone is replaced within the time of a lease and a second. Read the key to see which value it has.";

    // 2xx: a request over HTTP.
    NOT_FOUND = 201, "The cache does not hold this key.", "Store it first: POST /?key=K&value=V, or PUT under /v1.";
    ROUTE_UNKNOWN = 202, "There is nothing at this path.", "Use `/`, `/livez`, `/readyz` or what is under `/v1/`.";
    METHOD_NOT_ALLOWED = 203, "The path does not take this method.", "Use one of the methods in the `Allow` header.";
    KEY_MISSING = 204, "The request has no key, or an empty one.", "Add `?key=K`, or the key at the end of the path.";
    PARAMETER_REPEATED = 205, "A parameter is given more than once.", "Give it once.";
    TTL_INVALID = 206, "The `ttl` is not a number of seconds in range.", "Give whole seconds from 1 to 315360000 (ten years), or leave `ttl` out to keep the value until it is evicted.";
    ENCODING_INVALID = 207, "A percent escape is malformed or does not decode to UTF-8.", "Percent-encode the UTF-8 bytes of the text.";
    NOT_ACCEPTABLE = 208, "The value is not UTF-8 and cannot be shown as JSON.", "Ask for the bytes: `Accept: application/octet-stream`.";
    CROSS_SITE = 209, "A web page of another site sent this request.", "Allow its origin with `--allow-origin` if you trust it.";
    HOST_REFUSED = 210, "The `Host` is not a loopback name, but the server listens on loopback.", "Use localhost, or allow the name with `--allow-host`.";
    BODY_TOO_LARGE = 211, "The request body is larger than the limit.", "Send a smaller body, or raise `--max-value`.";
    FRAMING_INVALID = 212, "The request is not well-formed HTTP/1.1.", "Use an HTTP/1.1 client.";
    HEADERS_TOO_LARGE = 213, "The request has too many headers, or too many bytes of them.", "Send fewer headers, or raise `--max-headers` or `--max-header-bytes`.";
    REQUEST_LINE_TOO_LONG = 214, "The request line is longer than the limit.", "Send large values in the body, or raise `--max-request-line`.";
    REQUEST_TIMED_OUT = 215, "The request did not arrive in time.", "Send it faster, or raise `--header-timeout` or `--body-timeout`.";
    OVERLOADED = 216, "As many requests or connections are in flight as the server takes.", "Retry after the time in `Retry-After`, or raise `--max-in-flight` or `--max-connections`.";
    HTTP_VERSION_UNSUPPORTED = 217, "The HTTP version is not 1.0 or 1.1.", "Use HTTP/1.1.";
    PARAMETER_UNKNOWN = 218, "The query has a parameter that this request does not know.", "Leave it out; the detail lists those that are known.";
    VALUE_TWICE = 219, "The value is given in the query and again in the body.", "Give it in one of the two.";
    EXPECTATION_FAILED = 220, "The `Expect` header asks for something other than 100-continue.", "Leave the header out.";
    TRANSFER_CODING_UNKNOWN = 221, "The `Transfer-Encoding` is not `chunked`.", "Send the body with Content-Length or chunked.";
    HANDLER_PANICKED = 222, "The server panicked while it handled the request; the outcome of a write is unknown.", "Report the panic message from the log.";
    BUFFERS_FULL = 223, "Request bodies and answers in flight hold as many bytes as the server allows.", "Retry after the time in `Retry-After`, or raise `--max-buffered`.";
    FORM_WITHOUT_VALUE = 224, "The body is a form, as its Content-Type says, and has no `value`.", "Send `value=...`, or the bytes themselves: `-H 'Content-Type: application/octet-stream' --data-binary @file`.";
    ACCEPT_FAILED = 225, "A new connection could not be accepted.", "Raise the process's limit of open files (`ulimit -n`), or lower `--max-connections`.";
    TOKEN_UNKNOWN = 226, "The request has no bearer token that the server knows.", "Send `Authorization: Bearer TOKEN`, with a token of the server's `--token-file`.";
    READ_ONLY_TOKEN = 227, "The token allows to read, and the request would change something.", "Send a token of `--token-file`.";
    CONDITION_INVALID = 228, "An `If-Match` or `If-None-Match` is malformed, or not for this request.", "See the detail; a tag is what `ETag` said, quotes included.";
    NOT_CACHED = 229, "The cache does not hold this key, and was asked for nothing else.", "Leave `Cache-Control: only-if-cached` out to have it loaded.";
    PARAMETER_INVALID = 230, "A parameter of the query is not what it ought to be.", "See the detail for what would be right.";
    WARMING_UP = 231, "Keys that are to be warm are still being loaded.", "Wait until `/readyz` says that it is ready.";
    BODY_INVALID = 232, "The body is not the JSON that this request takes.", "See the detail for where, and for what would be right.";
    BATCH_TOO_LARGE = 233, "The batch has more keys than one request may have.", "Send several batches, of at most 1,000 keys each.";
    ANSWER_FULL = 234, "The value does not fit into the answer of the batch any more.", "Ask for it alone, or with fewer others.";
    KEYSPACE_OF_ROOT = 235, "The keyspace `default` is behind `/` and cannot be removed.", "Forget what it holds: POST /v1/keyspaces/default/clear.";
    STREAMS_FULL = 236, "As many streams of events are open as the server takes.", "Close one, or retry after the time in `Retry-After`.";

    // Of a load balancer.
    NO_MEMBER = 237, "No member of the cluster can be asked now; nothing has changed.", "Retry after the time in `Retry-After`; if it stays so, look at GET /v1/balancer, and see that the members run.";
    MEMBER_LOST = 238, "The member that was asked gave no whole answer that could be understood; the outcome of a write is unknown.", "Read the key to see which value it has, and do it again if need be.";
    MEMBERS_LATE = 239, "No member has answered within the time of a request; the outcome of a write is unknown.", "Read the key to see which value it has, and retry; raise `--request-timeout` if it happens often.";
    BALANCER_LOOP = 240, "The request has come back to the load balancer that sent it.", "See that `--nodes` names members, and not the balancer itself.";
    NOT_AT_ONCE = 241, "The answer takes longer than at once, or is longer than it was to be.", "Ask again without `distcache-at-once`.";

    // 3xx: the command line.
    FLAG_INVALID = 301, "A flag or its environment variable is not understood.", "See `cache_manager --help`.";
    ADDRESS_UNAVAILABLE = 302, "The address cannot be listened on.", "Choose another with `--listen` or `--port`, or end the program that holds it.";
    LOOPBACK_ONLY = 303, "The `tiny_http` door listens on loopback addresses only.", "Use `--http-server hyper`, or a loopback address.";
    EXPOSED = 304, "The server listens on an address that other machines can reach, and asks nobody who they are.", "Give it a `--token-file`, listen on 127.0.0.1, or say `--insecure` if a proxy before it asks.";
    DOOR_NOT_BUILT = 305, "This program was built without that HTTP server.", "Build it with `--features hyper`, or use `--http-server tiny_http`.";
    NOT_READY = 306, "The server has started but does not answer its own `/readyz` with 200.", "See the detail; the process may lack open files (`ulimit -n`) or processor time.";
    TOKEN_FILE_INVALID = 307, "A file of tokens cannot be used.", "Write one token a line, of 16 to 512 visible ASCII characters.";
    OTEL_NOT_BUILT = 308, "This program was built without OpenTelemetry.", "Build it with `--features otel`, or leave `[otel]` out.";

    CERTIFICATE_INVALID = 309, "The certificate of the server, its key, or that of the authority cannot be used.", "Give a certificate and its own private key, each in PEM; `cache_manager certs` makes some to try.";
    CLUSTER_NOT_BUILT = 310, "This program was built without clusters.", "Build it with `--features cluster`, or leave `[cluster]` out.";
    DISCOVERY_NOT_BUILT = 311, "This program was built without that way to find or reach other nodes.", "Build it with `--features kubernetes` or `--features nats`, as the message says, or say otherwise where the nodes are, and reach them over TCP.";

    // 32x: the configuration.
    CONFIG_UNREADABLE = 320, "The configuration file cannot be read.", "Give a file of UTF-8 text, at most 1 MiB, that the server's user may read.";
    CONFIG_SYNTAX = 321, "The configuration file is not TOML.", "Mend the text at the line and column that are named.";
    SETTING_UNKNOWN = 322, "There is no setting of this name.", "Look for a typing error; `cmd/cache_manager/CONFIG.md` lists every setting.";
    SETTING_INVALID = 323, "A setting has a value that it cannot have.", "Give one that the message names.";
    SETTINGS_CONFLICT = 324, "Settings do not go together, or one of them is missing.", "Change or give what the message names.";
    NAMED_FILE_UNREADABLE = 325, "A file, directory or variable that a setting names cannot be read.", "See that it is there, not empty, and may be read by the server's user.";
    SETTING_WITHOUT_EFFECT = 326, "A setting is allowed and has no effect as things are.", "Leave it out, or give what it needs.";
    SECRET_IN_FILE = 327, "A secret stands in the configuration file itself.", "Put it into a file of its own, or into a variable.";
    RESTART_NEEDED = 328, "A setting was changed that holds from the next start only.", "Restart the server when it suits.";
    RELOAD_REFUSED = 329, "The configuration was not reloaded; everything is as it was.", "Mend what the lines before say, and send SIGHUP again.";
    SOURCE_UNREACHABLE = 330, "A source does not answer, or does not understand its statements.", "Look at the detail and at the source.";

    // 33x: many values in and out, and how a server is.
    LINE_INVALID = 331, "A line of the import is not an item.", "Write {\"key\":\"K\",\"value\":\"V\"}; `cmd/cache_manager/BULK.md` tells what else it may say.";
    LINE_TOO_LONG = 332, "A line of the import is longer than that of any value.", "Leave the value out, or raise `--max-value` here and at the server.";
    BULK_FILE_FAILED = 333, "The file of an import or export cannot be read or written.", "See that it is there, that there is room, and that this user may use it.";
    STATE_UNUSABLE = 334, "The state file cannot be used, or is that of something else.", "Name another, or remove it to begin at the beginning.";
    SERVER_UNREACHABLE = 335, "The server does not answer.", "See that it runs, and name it with `--url`.";
    ANSWER_STRANGE = 336, "The answer is none that this server gives.", "See that `--url` leads to a `cache_manager` of this version.";
    SERVER_RESTARTED = 337, "The server was started anew meanwhile.", "Run an import again: it begins at the beginning. Remove the state of an export, and write to another file.";
    BULK_INCOMPLETE = 338, "Not everything was imported or exported.", "Look at the lines before this one.";
    NOT_HEALTHY = 339, "The server is not ready, or does not answer.", "Look at its log, and at what its /readyz says.";
    EXPORT_FAILED = 340, "Spans or numbers could not be sent to the collector, and may be lost.", "See that the collector of `[otel]` runs and takes what is sent; requests are answered all the same.";
    CERTIFICATES_NOT_MADE = 341, "Certificates were not made, or not all of them.", "See the message for what is in the way; `cache_manager certs --help` tells what can be said.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_never_repeat() {
        assert!(ALL.windows(2).all(|pair| pair[0].number < pair[1].number));
    }

    #[test]
    fn every_code_says_what_happened_and_what_to_do() {
        for code in ALL {
            assert!(code.meaning.ends_with('.') && code.remedy.ends_with('.'), "{code}");
        }
    }

    #[test]
    fn the_documentation_lists_every_code_as_it_is_here() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../api/ERRORS.md");
        let document = std::fs::read_to_string(path).unwrap();
        let rows: Vec<_> = document.lines().filter(|line| line.starts_with("| DC-")).collect();
        // One by one: what differs is a line, and not a page.
        for (row, code) in rows.iter().zip(ALL) {
            assert_eq!(*row, format!("| {code} | {} | {} |", code.meaning, code.remedy));
        }
        assert_eq!(rows.len(), ALL.len());
    }
}
