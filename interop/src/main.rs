//! `backup-interop`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    backup_interop::main()
}
