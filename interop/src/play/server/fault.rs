//! What a played server can do wrong.

use std::fmt;
use std::str::FromStr;

use crate::play::faults;

faults! {
    /// What a played server can do wrong.
    ServerFault {
        /// zlib's CRC-32 for the cksum.
        ZlibCksum = "zlib-cksum",
        /// The checksum of the encrypted content.
        CksumOfContent = "cksum-of-content",
        /// The size of the plaintext in 2103.
        PlainContentSize = "plain-content-size",
        /// Header and payload of a response in two writes.
        TwoWrites = "two-writes",
        /// 2101 to 1105.
        Answers1105 = "answers-1105",
        /// Does the contrary of what the dialect says about the connection after 1104.
        ContraryAfterRight = "contrary-after-right",
        /// Ends a connection with a reset after 1104.
        ResetAfterRight = "reset-after-right",
        /// Keeps what 1106 ended.
        KeepsGivenUp = "keeps-given-up",
        /// Keeps what 1105 ended.
        KeepsDropped = "keeps-dropped",
        /// Writes a new version over the verified one.
        OverwritesVerified = "overwrites-verified",
        /// Throws waiting uploads away when it starts.
        ForgetsWaiting = "forgets-waiting",
        /// One AES key for all.
        SameKey = "same-key",
        /// OAEP with SHA-256.
        OaepSha256 = "oaep-sha256",
        /// Keeps the AES key in the connection alone.
        KeyInConnection = "key-in-connection",
        /// Registers a name again.
        RegistersTwice = "registers-twice",
        /// Answers 2103 over nothing when content does not decrypt.
        ReceivedNothing = "received-nothing",
        /// Ends when a client vanishes in a message.
        DiesOfCut = "dies-of-cut",
        /// Reads a message with one read.
        OneRead = "one-read",
        /// Pads responses with zeros to 1024 bytes.
        PadsResponses = "pads-responses",
        /// Stores no empty files.
        NoEmptyFiles = "no-empty-files",
        /// Echoes the base name of a path with slashes.
        EchoesBaseName = "echoes-base-name",
        /// No answer to 1104 where the dialect has one.
        NoAcknowledgement = "no-acknowledgement",
        /// An acknowledgement without the client ID where it has one, and with it where it has none.
        OtherAcknowledgement = "other-acknowledgement",
        /// 2101 where the dialect says no with 2107.
        NoGeneralError = "no-general-error",
        /// A reconnect is given a new key where the stored one is due, and the stored one where a new one is.
        OtherReconnectKey = "other-reconnect-key",
        /// 2101 where the dialect refuses a reconnect by 2106.
        NoReconnectRefused = "no-reconnect-refused",
        /// Keeps a connection where the dialect has one for each request.
        KeepsConnection = "keeps-connection",
        /// Answers every packet of a file.
        AnswersEachPacket = "answers-each-packet",
        /// Takes a file's content from its last packet alone.
        LastPacketOnly = "last-packet-only",
        /// Pads with something else than zeros.
        PadsWithNoise = "pads-with-noise",
        /// Answers no registration.
        Silent = "silent",
        /// Registers one client and no other.
        RegistersOnce = "registers-once",
        /// Version 2 in every response.
        OtherVersion = "other-version",
        /// Client IDs that count up.
        CountedIds = "counted-ids",
        /// Knows the names of one connection alone.
        NamesPerConnection = "names-per-connection",
        /// Forgets which names are taken when it starts.
        ForgetsNames = "forgets-names",
        /// The client ID of the holder of a name in 2101.
        LeaksId = "leaks-id",
        /// Ends a connection after the third refusal.
        ClosesAfterThreeRefusals = "closes-after-three-refusals",
        /// Client names of 100 bytes at most.
        RefusesLongNames = "refuses-long-names",
        /// Registers a name field without a NUL.
        TakesUnterminatedClientName = "takes-unterminated-client-name",
        /// Registers an empty name.
        TakesEmptyClientName = "takes-empty-client-name",
        /// Registers a name that is not UTF-8.
        TakesClientNameNotUtf8 = "takes-client-name-not-utf8",
        /// Client names of ASCII alone.
        AsciiClientNames = "ascii-client-names",
        /// Takes the whole name field of 1100 for the name.
        ReadsBehindTheNul = "reads-behind-the-nul",
        /// Takes a name for taken that another one begins with.
        TakesPrefixForName = "takes-prefix-for-name",
        /// Refuses a 1100 with a client ID in its header.
        WantsZeroId = "wants-zero-id",
        /// Refuses requests of other versions.
        WantsVersion3 = "wants-version-3",
        /// Knows the clients that registered on the connection alone.
        ClientsPerConnection = "clients-per-connection",
        /// Forgets client IDs when it starts.
        ForgetsClients = "forgets-clients",
        /// Wraps with the first public key of a client for ever.
        KeepsFirstPublicKey = "keeps-first-public-key",
        /// Answers 2102 to a client ID that it never gave out.
        TakesKeyOfStrangers = "takes-key-of-strangers",
        /// Takes a 1101 under the name of another client.
        TakesNameOfAnother = "takes-name-of-another",
        /// Takes a 1101 under any name that nobody has.
        TakesAnyName = "takes-any-name",
        /// Refuses a 1101 with other bytes than zeros behind the NUL.
        ComparesWholeNameField = "compares-whole-name-field",
        /// Answers 2102 to a public key that is no DER.
        TakesGarbageKey = "takes-garbage-key",
        /// Answers 2102 to a public key of zeros.
        TakesZeroKey = "takes-zero-key",
        /// Answers 2102 to a public key that is not RSA.
        TakesOtherAlgorithm = "takes-other-algorithm",
        /// Answers 2102 to a modulus of fewer than 1024 bits.
        TakesSmallModulus = "takes-small-modulus",
        /// Answers 2102 to an even exponent.
        TakesEvenExponent = "takes-even-exponent",
        /// Answers 2102 to the exponent 1.
        TakesExponent1 = "takes-exponent-1",
        /// Refuses the exponent 3.
        RefusesExponent3 = "refuses-exponent-3",
        /// Refuses the exponent 127.
        RefusesExponent127 = "refuses-exponent-127",
        /// Refuses the exponent 65537 where keys of 162 bytes are accepted.
        RefusesExponent65537 = "refuses-exponent-65537",
        /// Forgets AES keys when it starts.
        ForgetsKeys = "forgets-keys",
        /// Opens a content with the first key of its connection.
        FirstKeyCounts = "first-key-counts",
        /// Forgets the keys of a connection when it refuses a public key.
        ForgetsKeyOnRefusal = "forgets-key-on-refusal",
        /// Opens a content with the last key of its client, on whatever connection it was given.
        OneKeyPerClient = "one-key-per-client",
        /// Grants a reconnect under another client's name.
        ReconnectsAnyName = "reconnects-any-name",
        /// Grants a reconnect without a public key.
        ReconnectsWithoutKey = "reconnects-without-key",
        /// Forgets public keys when it starts.
        ForgetsPublicKeys = "forgets-public-keys",
        /// A cksum that leaves the length out.
        CksumWithoutLength = "cksum-without-length",
        /// Refuses an empty file.
        RefusesEmptyFiles = "refuses-empty-files",
        /// Refuses a file of one byte.
        RefusesOneByte = "refuses-one-byte",
        /// Leaves a padding of one byte on.
        KeepsPaddingOf1 = "keeps-padding-of-1",
        /// Leaves a padding of a whole block on.
        KeepsWholeBlock = "keeps-whole-block",
        /// Loses the last byte of a file of 17 bytes.
        Loses17thByte = "loses-17th-byte",
        /// Sums up the first 1024 bytes alone.
        CutsAt1024 = "cuts-at-1024",
        /// Sums up the first 4096 bytes alone.
        CutsAt4096 = "cuts-at-4096",
        /// Sums up the first 65536 bytes alone.
        CutsAt65536 = "cuts-at-65536",
        /// Sums up the first MiB alone.
        CutsAt1Mib = "cuts-at-1-mib",
        /// Leaves CR out.
        TextMode = "text-mode",
        /// Takes a NUL for the end of a file.
        StopsAtNul = "stops-at-nul",
        /// Takes a file for UTF-8 and replaces what is not.
        DecodesText = "decodes-text",
        /// Takes zeros at the end of a file for padding.
        StripsZeros = "strips-zeros",
        /// 2103 over nothing to an unknown client ID.
        ReceivesFromStrangers = "receives-from-strangers",
        /// 2103 over nothing to a client without a key.
        ReceivesWithoutKey = "receives-without-key",
        /// Takes a file whose two client IDs differ.
        TakesOtherPayloadId = "takes-other-payload-id",
        /// Opens a content with any client's key.
        AnyKeyOpens = "any-key-opens",
        /// Takes a last byte of 0 for no padding.
        TakesPadding0 = "takes-padding-0",
        /// Takes a last byte above 16 for no padding.
        TakesPadding17 = "takes-padding-17",
        /// Looks at the last byte of the padding alone.
        ChecksLastByteAlone = "checks-last-byte-alone",
        /// Takes a file without content.
        TakesContentSize0 = "takes-content-size-0",
        /// Takes a content that is no whole blocks.
        TakesContentNotBlocks = "takes-content-not-blocks",
        /// Takes the size of the plaintext for the content size.
        TakesPlaintextSize = "takes-plaintext-size",
        /// Takes a content size that is smaller than the content.
        TakesSmallContentSize = "takes-small-content-size",
        /// Takes a content size that is a block larger than the content.
        TakesLargeContentSize = "takes-large-content-size",
        /// Takes any content size of more than 1 GiB.
        TakesContentSizeOf4Gib = "takes-content-size-of-4-gib",
        /// Ends the connection when it refuses a file of more than 32 KiB.
        ClosesAfterLargeRefusal = "closes-after-large-refusal",
        /// Sums up all versions of a file together.
        Appends = "appends",
        /// Gives up the files of all clients by their name.
        GivesUpByName = "gives-up-by-name",
        /// Takes two files of a client and no more.
        TwoFilesAClient = "two-files-a-client",
        /// Echoes names in capital letters.
        EchoesInCapitals = "echoes-in-capitals",
        /// Echoes what follows the last backslash.
        EchoesBehindBackslash = "echoes-behind-backslash",
        /// Writes to a path that a name says.
        WritesAbsolutePaths = "writes-absolute-paths",
        /// Writes to a parent folder that a name says.
        WritesToParentFolders = "writes-to-parent-folders",
        /// Refuses a name whose first part is a file.
        MakesFolders = "makes-folders",
        /// A verdict counts for every name of the same base name.
        JudgesByBaseName = "judges-by-base-name",
        /// A verdict counts for a name in upper and lower case.
        FoldsCase = "folds-case",
        /// Takes a file named `..`.
        TakesDotDot = "takes-dot-dot",
        /// Takes a file named `.`.
        TakesDot = "takes-dot",
        /// Takes a file whose name ends in a slash.
        TakesFolder = "takes-folder",
        /// Takes a file whose name ends in a backslash and `..`.
        TakesDotDotBehindBackslash = "takes-dot-dot-behind-backslash",
        /// Takes a file name with control characters.
        TakesControlCharacters = "takes-control-characters",
        /// Takes a file without a name.
        TakesEmptyFileName = "takes-empty-file-name",
        /// Takes a file name field without a NUL.
        TakesUnterminatedFileName = "takes-unterminated-file-name",
        /// Takes a file name that is not UTF-8.
        TakesFileNameNotUtf8 = "takes-file-name-not-utf8",
        /// File names of 100 bytes at most.
        RefusesLongFileNames = "refuses-long-file-names",
        /// File names of ASCII alone.
        AsciiFileNames = "ascii-file-names",
        /// Refuses names that are devices on some systems.
        RefusesDevices = "refuses-devices",
        /// Refuses names with characters that a shell knows.
        RefusesShellCharacters = "refuses-shell-characters",
        /// Echoes the whole name field, with what follows the NUL.
        EchoesField = "echoes-field",
        /// Refuses a packet whose content is no whole blocks.
        WantsWholeBlocks = "wants-whole-blocks",
        /// Counts packets from 0.
        CountsFrom0 = "counts-from-0",
        /// Takes any packet for the first of a file.
        BeginsAnywhere = "begins-anywhere",
        /// Goes on over a missing packet.
        TakesMissingPackets = "takes-missing-packets",
        /// Passes over a packet that came before.
        TakesRepeatedPackets = "takes-repeated-packets",
        /// Refuses a packet 1 in the middle of a file.
        NeverBeginsAgain = "never-begins-again",
        /// Takes a packet 1 of 0 for a whole file.
        TakesTotal0 = "takes-total-0",
        /// Looks at the total of the last packet alone.
        TakesAnotherTotal = "takes-another-total",
        /// Looks at the name of the first packet alone.
        TakesAnotherName = "takes-another-name",
        /// Looks at the content size of the first packet alone.
        TakesAnotherContentSize = "takes-another-content-size",
        /// Never looks at the original size.
        IgnoresOriginalSize = "ignores-original-size",
        /// Takes less content than the content size says.
        TakesTooLittle = "takes-too-little",
        /// Cuts content off behind the content size.
        TakesTooMuch = "takes-too-much",
        /// Refuses a 1104 for a verified version.
        RefusesRightAgain = "refuses-right-again",
        /// Honours a 1104 of a client that never sent a file.
        HonoursRightForNothing = "honours-right-for-nothing",
        /// A 1104 counts for the last file of the client, whatever name it says.
        RightForAnyName = "right-for-any-name",
        /// A 1104 counts for the file of that name of any client.
        RightOfAnyClient = "right-of-any-client",
        /// Honours a 1104 of an unknown client.
        RightOfStrangers = "right-of-strangers",
        /// Honours a 1104 whose two client IDs differ.
        RightWithOtherPayloadId = "right-with-other-payload-id",
        /// Honours a 1104 with a name field without a NUL.
        RightWithUnterminatedName = "right-with-unterminated-name",
        /// Refuses a file again after 1105.
        SendsOnce = "sends-once",
        /// 2101 to a 1105 for a file that was never sent.
        Answers1105ForNothing = "answers-1105-for-nothing",
        /// 2101 to a 1105 of an unknown client.
        Answers1105OfStrangers = "answers-1105-of-strangers",
        /// Refuses the fifth transmission of a file.
        CountsTransmissions = "counts-transmissions",
        /// Does the contrary of what the dialect says about the connection after 1106.
        ContraryAfterGiveUp = "contrary-after-give-up",
        /// Refuses a 1106 for a file that was never sent.
        RefusesGiveUpForNothing = "refuses-give-up-for-nothing",
        /// Honours a 1106 of an unknown client.
        HonoursGiveUpOfStrangers = "honours-give-up-of-strangers",
        /// 1106 ends the verified version too.
        GiveUpEndsVerified = "give-up-ends-verified",
        /// A verdict counts on the connection of its 2103 alone.
        VerdictNeedsItsConnection = "verdict-needs-its-connection",
        /// Ends a connection with a reset where more has come.
        ResetsOverMore = "resets-over-more",
        /// Passes over a request of an unknown code.
        IgnoresUnknownCodes = "ignores-unknown-codes",
        /// Passes over a request of code 0.
        IgnoresCode0 = "ignores-code-0",
        /// Passes over a request with the code of a response.
        IgnoresResponseCodes = "ignores-response-codes",
        /// Passes over a request whose code has its bytes swapped.
        IgnoresSwappedCodes = "ignores-swapped-codes",
        /// Waits for the payload of a 1100 that is too short.
        WaitsForShortRegister = "waits-for-short-register",
        /// Waits for the payload of a 1100 that is too long.
        WaitsForLongRegister = "waits-for-long-register",
        /// Passes over a 1100 without payload.
        IgnoresEmptyRegister = "ignores-empty-register",
        /// Waits for the payload of a 1101 of a wrong size.
        WaitsForKey = "waits-for-key",
        /// Waits for the payload of a 1103 that is too short.
        WaitsForShortFile = "waits-for-short-file",
        /// Waits for the payload of a 1104 of a wrong size.
        WaitsForRight = "waits-for-right",
        /// Closes without an answer after a 1105 of a wrong size.
        SilentAboutWrongSize = "silent-about-wrong-size",
        /// Waits for the payload of a 1106 of a wrong size.
        WaitsForGiveUp = "waits-for-give-up",
        /// Closes without an answer where text comes in place of a header.
        ClosesOnText = "closes-on-text",
        /// Reads the payload of 1100 with one read.
        OneReadRegister = "one-read-register",
        /// Reads the payload of 1101 with one read.
        OneReadKey = "one-read-key",
        /// Reads the fixed fields of 1103 with one read.
        OneReadFile = "one-read-file",
        /// Reads the payload of a verdict with one read.
        OneReadVerdict = "one-read-verdict",
        /// Reads a header with one read.
        OneReadHeader = "one-read-header",
        /// Reads a content with one read.
        OneReadContent = "one-read-content",
        /// Throws away what came in one segment with a 1100.
        ForgetsWhatFollows = "forgets-what-follows",
        /// Throws away what came in one segment with the third request.
        ForgetsBehindThree = "forgets-behind-three",
        /// Throws away what came in one segment with a 1105.
        ForgetsBehindWrong = "forgets-behind-wrong",
        /// Refuses a file as the first request of a connection.
        RefusesFileFirst = "refuses-file-first",
        /// Ends a connection after 100 requests.
        HundredRequests = "hundred-requests",
        /// Gives no answer to a client that has ended its side.
        NoAnswerAfterEnd = "no-answer-after-end",
        /// Stores a file with its verdict.
        WritesLate = "writes-late",
        /// Removes a file once it is verified.
        RemovesVerified = "removes-verified",
        /// Leaves the file on the disk that 1106 ended.
        LeavesGivenUp = "leaves-given-up",
        /// Leaves the file on the disk that 1105 ended.
        LeavesDropped = "leaves-dropped",
        /// One folder for the files of all clients.
        SharesFolder = "shares-folder",
        /// A verdict counts for the newest version of its name.
        NewestVerdict = "newest-verdict",
        /// Takes a file for received whose client vanished in it.
        KeepsCutUploads = "keeps-cut-uploads",
        /// Saves what it knows when it is stopped.
        SavesAtStop = "saves-at-stop",
        /// Ends when a client says nothing and goes.
        DiesOfNothing = "dies-of-nothing",
        /// Ends when a client vanishes in a header.
        DiesOfCutHeader = "dies-of-cut-header",
        /// Registers a client that vanished in its name.
        RegistersCutNames = "registers-cut-names",
        /// Ends when a client vanishes in a 1101.
        DiesOfCutKey = "dies-of-cut-key",
        /// Ends when a connection is reset in a message.
        DiesOfReset = "dies-of-reset",
        /// Ends when a client vanishes in a content.
        DiesOfCutContent = "dies-of-cut-content",
        /// Ends when a connection is reset between two messages.
        DiesOfResetLater = "dies-of-reset-later",
        /// Drops the waiting files of a connection that is reset.
        DropsAtReset = "drops-at-reset",
        /// Ends when a payload of more than 1 GiB is announced.
        DiesOf4Gib = "dies-of-4-gib",
        /// Serves one client at a time.
        OneAtATime = "one-at-a-time",
        /// Ends a connection on which nothing comes for a sixth of a second in a message.
        Impatient = "impatient",
        /// Serves 20 connections at once and ends others.
        TwentyConnections = "twenty-connections",
        /// Serves 60 connections and no more.
        SixtyConnections = "sixty-connections",
    }
}
