// A local file on its way to the wire: checked, streamed, encrypted, summed.

#ifndef BACKUP_SOURCE_FILE_H
#define BACKUP_SOURCE_FILE_H

#include <cstdint>
#include <string>

#include "bytes.h"
#include "cksum.h"
#include "crypto.h"
#include "dialect.h"
#include "files.h"

namespace backup {

// A regular file, open for reading, whose size is fixed at the moment of opening.
class SourceFile {
  public:
    // LocalError if it cannot be opened, is no regular file, or has more than `largest` bytes (2.3).
    SourceFile(const std::string& path, std::uint64_t largest);

    const std::string& path() const { return path_; }
    std::uint64_t size() const { return size_; }

    // Up to `count` bytes from `offset`; fewer only at the end of the file.
    Bytes read(std::uint64_t offset, std::size_t count) const;

  private:
    std::string path_;
    FileDescriptor file_;
    std::uint64_t size_ = 0;
};

// One pass over a file: its encrypted content (4.3) as one stream, piece by piece, and the checksum of
// exactly the bytes that went into it.
class ContentStream {
  public:
    ContentStream(const SourceFile& file, const SecretBytes& aes_key, const Dialect& dialect)
        : file_(file), encryptor_(aes_key), input_(dialect.checksum_input), cksum_(dialect.checksum) {}

    // The next piece, of at most so many bytes; empty after the last. LocalError if the file has another size
    // than when it was opened: the header with the old size is on the wire by then.
    Bytes next(std::uint64_t most);

    // That of the dialect: its kind, over the plaintext, the padded plaintext or the content (10.2).
    std::uint32_t cksum() const { return cksum_.value(); }

  private:
    void read_on();

    const SourceFile& file_;
    ContentEncryptor encryptor_;
    ChecksumInput input_;
    Cksum cksum_;
    std::uint64_t offset_ = 0;
    bool finished_ = false;
    Bytes content_;          // encrypted and not all given out
    std::size_t given_ = 0;  // how much of it is
};

}  // namespace backup

#endif
