// Byte strings and the client ID.

#ifndef BACKUP_BYTES_H
#define BACKUP_BYTES_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace backup {

using Byte = std::uint8_t;
using Bytes = std::vector<Byte>;

// 16 opaque bytes (PROTOCOL.md 1.9). A credential: no message of this program shows it.
constexpr std::size_t client_id_size = 16;
using ClientId = std::array<Byte, client_id_size>;

}  // namespace backup

#endif
