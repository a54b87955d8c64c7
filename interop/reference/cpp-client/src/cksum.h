// The checksum of PROTOCOL.md 5: that of the POSIX utility cksum. It is not zlib's CRC-32.

#ifndef BACKUP_CKSUM_H
#define BACKUP_CKSUM_H

#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace backup {

class Cksum {
  public:
    void update(const Byte* data, std::size_t size);

    // The checksum of everything given so far; more may follow.
    std::uint32_t value() const;

  private:
    std::uint32_t crc_ = 0;
    std::uint64_t length_ = 0;
};

}  // namespace backup

#endif
