// The checksums of PROTOCOL.md 5 and 10.2: that of the POSIX utility cksum, and what other peers take for it.

#ifndef BACKUP_CKSUM_H
#define BACKUP_CKSUM_H

#include <cstddef>
#include <cstdint>

#include "bytes.h"
#include "dialect.h"

namespace backup {

class Cksum {
  public:
    explicit Cksum(Checksum kind);

    void update(const Byte* data, std::size_t size);
    void update(const Bytes& bytes) { update(bytes.data(), bytes.size()); }

    // The checksum of everything given so far; more may follow.
    std::uint32_t value() const;

  private:
    Checksum kind_;
    std::uint32_t crc_;
    std::uint64_t length_ = 0;
};

}  // namespace backup

#endif
