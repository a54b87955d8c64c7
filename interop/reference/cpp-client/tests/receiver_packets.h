// The receiver's half of PROTOCOL.md 10.7, which the client itself does not need: gathers the packets of a
// file.

#ifndef BACKUP_TESTS_RECEIVER_PACKETS_H
#define BACKUP_TESTS_RECEIVER_PACKETS_H

#include <string>

#include "bytes.h"
#include "requests.h"

namespace backup {
namespace tests {

class PacketGatherer {
  public:
    enum class Outcome { more, complete, refused, discarded };

    explicit PacketGatherer(const Dialect& dialect) : dialect_(dialect) {}

    // Takes one 1103. Without packet fields each is a file.
    Outcome take(const RequestHeader& header, const Bytes& payload);

    // The file that is complete, or what there is of it.
    const SendFile& file() const { return file_; }
    const Bytes& content() const { return content_; }
    // Why the last packet was refused.
    const std::string& slug() const { return slug_; }

  private:
    void add(const SendFile& packet, const Bytes& content);
    void check_follows(const SendFile& packet) const;

    const Dialect& dialect_;
    unsigned next_ = 0;  // the number that is due, 0 if no file was begun
    bool discards_ = false;
    SendFile file_;
    Bytes content_;
    std::string slug_;
};

}  // namespace tests
}  // namespace backup

#endif
