//! What the played client can do wrong.

use std::fmt;
use std::str::FromStr;

use crate::play::faults;

faults! {
    /// What a played client can do wrong.
    ClientFault {
        // --- what it sends
        /// Its client ID in 1100 is not zeros.
        IdInRegister = "id-in-register",
        /// Version 2 in its headers.
        Version2 = "version-2",
        /// Bytes behind the NUL of a name that are not zero.
        Uncleared = "uncleared",
        /// The same for file names alone.
        UnclearedFileName = "uncleared-file-name",
        /// Another name in 1101 than in 1100.
        OtherNameInKey = "other-name-in-key",
        /// Public exponent 3.
        Exponent = "exponent",
        /// Another client ID in the header of 1101.
        OtherIdInKey = "other-id-in-key",
        /// Another client ID in the header of 1103.
        OtherIdInFile = "other-id-in-file",
        /// Another client ID in the payload of a verdict.
        OtherIdInVerdict = "other-id-in-verdict",
        /// Another file name in 1103.
        OtherFileName = "other-file-name",
        /// Another file name in verdicts.
        OtherNameInVerdict = "other-name-in-verdict",
        /// The content size of the plaintext.
        PlainContentSize = "plain-content-size",
        /// The first block encrypted under an IV that is not zero.
        Iv = "iv",
        /// Sends the file without encryption.
        Plain = "plain",
        /// Header and payload in two writes.
        TwoWrites = "two-writes",
        /// Four bytes behind its last verdict.
        Trailing = "trailing",
        /// A reset at the end.
        Resets = "resets",
        /// Counts packets from 0.
        PacketsFrom0 = "packets-from-0",
        /// Encrypts every packet on its own.
        PacketsAlone = "packets-alone",
        /// Sends more in a packet than it is told.
        LargePackets = "large-packets",
        /// The content size of the packet, not of the file.
        PacketContentSize = "packet-content-size",

        // --- how it reads
        /// Reads a response with one read.
        OneRead = "one-read",
        /// Reads the header of a response with one read.
        HeaderOneRead = "header-one-read",
        /// Reads the payload of a 2100 with one read.
        IdOneRead = "id-one-read",
        /// Reads the payload of a 2102 with one read.
        KeyOneRead = "key-one-read",
        /// Reads the payload of a 2103 with one read.
        ReceivedOneRead = "received-one-read",
        /// Throws away what came behind a response.
        SkipsStray = "skips-stray",
        /// Throws away what came behind an acknowledgement.
        LosesJoined = "loses-joined",
        /// Takes an acknowledgement with a client ID that is not due for a violation.
        AcknowledgementEmptyOnly = "acknowledgement-empty-only",
        /// Takes an acknowledgement without a client ID that is not due for a violation.
        AcknowledgementWithIdOnly = "acknowledgement-with-id-only",
        /// Reads on behind responses of another kind until the one that is due comes.
        SkipsUnexpected = "skips-unexpected",
        /// Sends a request again when no response comes at once.
        Impatient = "impatient",

        /// Sends its verdict when no response comes at once.
        VerdictAtOnce = "verdict-at-once",

        // --- what it makes of answers
        /// Does not look at the code of a response.
        IgnoresCode = "ignores-code",
        /// Does not look at the size of a response.
        IgnoresSize = "ignores-size",
        /// Sets memory aside for whatever size a response claims, and is ended for it.
        TrustsSize = "trusts-size",
        /// Takes no version but 3.
        WantsVersion3 = "wants-version-3",
        /// Does not compare the client ID of a 2102.
        IgnoresIdInKey = "ignores-id-in-key",
        /// Does not compare the client ID of a 2103.
        IgnoresIdInReceived = "ignores-id-in-received",
        /// Does not compare the content size of a 2103.
        IgnoresContentSize = "ignores-content-size",
        /// Does not compare the file name of a 2103.
        IgnoresFileName = "ignores-file-name",
        /// Compares what follows the NUL of a name.
        ComparesPadding = "compares-padding",
        /// Does not look at the zeros behind the cksum.
        IgnoresZeros = "ignores-zeros",
        /// Goes on with a key of zeros where it cannot unwrap one.
        AnyKey = "any-key",
        /// Fills a short AES key with zeros.
        FillsKey = "fills-key",
        /// Takes an AES key of 24 bytes for a violation.
        NoKey24 = "no-key-24",
        /// Takes no AES key but one of 16 bytes.
        Key16Only = "key-16-only",
        /// Takes no AES key but one of 32 bytes.
        Key32Only = "key-32-only",

        // --- cksums and verdicts
        /// 1104 whatever the cksum.
        AlwaysRight = "always-right",
        /// One transmission more than the dialect allows.
        OneMore = "one-more",
        /// One transmission less.
        OneLess = "one-less",
        /// 1105 in a write of its own.
        Apart = "apart",
        /// Two 1103 without a 1105 between them.
        NoVerdictBetween = "no-verdict-between",
        /// Sends an empty content after a 1105: its file was read to the end.
        ResendsNothing = "resends-nothing",
        /// No verdict.
        Silent = "silent",
        /// Exit code 0 whatever happens.
        ExitsWell = "exits-well",
        /// Exit code 0 after it gave up.
        GivesUpWell = "gives-up-well",
        /// Waits for the server's end of the stream before it ends its own.
        WaitsForClose = "waits-for-close",
        /// Takes a reset after its last verdict for a failure.
        ResetIsFailure = "reset-is-failure",
        /// Takes a refused 1104 for an accepted one.
        RefusedIsDone = "refused-is-done",

        // --- refusals
        /// Goes on with 1101 after its name was refused.
        GoesOn = "goes-on",
        /// Sends 1100 again after its name was refused.
        RegistersThrice = "registers-thrice",
        /// Stops at the first 2101 to 1101.
        NoRetryOfKey = "no-retry-of-key",
        /// Tries 1101 four times.
        FourTriesOfKey = "four-tries-of-key",
        /// Stops at the first 2101 to 1103.
        NoRetryOfFile = "no-retry-of-file",
        /// Tries 1103 four times.
        FourTriesOfFile = "four-tries-of-file",
        /// Counts a refused try as a transmission.
        CountsRefusals = "counts-refusals",
        /// Takes a 2101 of the other size for a violation.
        OneSizeOfRefusal = "one-size-of-refusal",
        /// Crashes when a write is reset.
        DiesOfReset = "dies-of-reset",

        // --- ends of the stream
        /// Takes the end of the stream for a 2100 with an ID of zeros.
        EndIsRegistered = "end-is-registered",
        /// Fills up with zeros what is missing from a 2102.
        CutIsKey = "cut-is-key",
        /// Takes the end of the stream for a right cksum.
        EndIsReceived = "end-is-received",
        /// Takes a cksum that is not there for a right one.
        NoCksumIsRight = "no-cksum-is-right",
        /// Crashes when the stream ends in a header.
        DiesOfCut = "dies-of-cut",

        // --- what it keeps and reads
        /// Keeps another private key than the one it uses.
        OtherKey = "other-key",
        /// An info file that everyone can read.
        OpenInfo = "open-info",
        /// Registers again although it is known.
        RegistersAgain = "registers-again",
        /// Never reads its info file.
        ForgetsItself = "forgets-itself",
        /// Reads a key that stands on one line alone.
        KeyOnOneLine = "key-on-one-line",
        /// Reads a key that is wrapped over many lines alone.
        NoKeyOnOneLine = "no-key-on-one-line",
        /// Reads no info file but `me.info`.
        MeInfoOnly = "me-info-only",
        /// Does not take CRLF off the lines of its info file.
        InfoLfOnly = "info-lf-only",
        /// Does not read `priv.key`.
        NoPrivKey = "no-priv-key",
        /// Does not take CRLF off the lines of `transfer.info`.
        LfOnly = "lf-only",
        /// Reads no line of `transfer.info` without an end.
        NeedsLastLineEnd = "needs-last-line-end",
        /// Begins with 1101 where the dialect reconnects.
        NoReconnect = "no-reconnect",
        /// Registers anew with its old key pair.
        KeepsPair = "keeps-pair",
        /// Discards its identity once a reconnect is refused.
        Discards = "discards",
        /// One key exchange for all files.
        OneKey = "one-key",
        /// Uses a connection again where the dialect has one for each request.
        KeepsConnection = "keeps-connection",

        // --- files and names
        /// Reads the file in text mode.
        TextMode = "text-mode",
        /// Reads a file up to its first NUL.
        StopsAtNul = "stops-at-nul",
        /// Sends nothing of an empty file.
        NoEmptyFile = "no-empty-file",
        /// Adds no block of padding to whole blocks.
        NoPaddingBlock = "no-padding-block",
        /// Leaves out what does not fill a buffer of 1024 bytes, but for the first.
        Buffers1024 = "buffers-1024",
        /// The same for 4096 bytes.
        Buffers4096 = "buffers-4096",
        /// The same for 65536 bytes.
        Buffers65536 = "buffers-65536",
        /// Sends no more than 200000 bytes of a file.
        Most200000 = "most-200000",
        /// Cuts client names at 253 bytes.
        Name253 = "name-253",
        /// Cuts file names at 100 bytes.
        FileName100 = "file-name-100",
        /// Cuts a client name that is too long.
        CutsName = "cuts-name",
        /// A question mark for what is not ASCII in a client name.
        AsciiName = "ascii-name",
        /// The same in a file name.
        AsciiFileName = "ascii-file-name",
        /// Sends a file that is not there as an empty one.
        MissingIsEmpty = "missing-is-empty",
        /// Takes files of more than 2 GiB for too large.
        Most2Gib = "most-2-gib",
        /// Registers before it finds a file too large.
        LateLimit = "late-limit",
    }
}
