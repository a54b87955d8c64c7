#include "receiver_packets.h"

#include "errors.h"
#include "fields.h"

namespace backup {
namespace tests {

namespace {

struct Place {
    unsigned packet;
    unsigned total;
};

// Number and total as they stand, also in a packet that is wrong.
Place place_of(const Dialect& dialect, const Bytes& payload) {
    if (!dialect.packets) {
        return Place{1, 1};
    }
    Reader reader(dialect, payload);
    reader.raw((dialect.client_id_in_payload ? client_id_size : 0) + 4 + 4);
    const unsigned packet = reader.u16(dialect.packet_byte_order);
    return Place{packet, reader.u16(dialect.packet_byte_order)};
}

}  // namespace

PacketGatherer::Outcome PacketGatherer::take(const RequestHeader& header, const Bytes& payload) {
    const Place place = place_of(dialect_, payload);
    if (discards_ && place.packet != 1) {
        discards_ = place.packet < place.total;
        return Outcome::discarded;
    }
    discards_ = false;
    try {
        const auto split = payload.begin() + static_cast<std::ptrdiff_t>(send_file_fixed_size(dialect_));
        add(decode_send_file(dialect_, header, Bytes(payload.begin(), split)), Bytes(split, payload.end()));
    } catch (const ProtocolError& error) {
        slug_ = error.slug();
        next_ = 0;
        discards_ = place.packet < place.total;
        return Outcome::refused;
    }
    if (next_ <= file_.total) {
        return Outcome::more;
    }
    next_ = 0;
    return Outcome::complete;
}

void PacketGatherer::add(const SendFile& packet, const Bytes& content) {
    if (packet.packet == 1) {
        file_ = packet;
        content_.clear();
        next_ = 1;
    }
    check_follows(packet);
    content_.insert(content_.end(), content.begin(), content.end());
    const bool is_last = packet.packet == file_.total;
    if (content_.size() > file_.content_size || (is_last && content_.size() < file_.content_size)) {
        throw ProtocolError("packet-overflow", "more content than announced, or less");
    }
    ++next_;
}

// In the order of the bytes.
void PacketGatherer::check_follows(const SendFile& packet) const {
    const ProtocolError mismatch("packet-mismatch", "a packet contradicts the first one");
    if (next_ == 0) {
        throw ProtocolError("packet-number", "no file was begun");
    }
    if (packet.content_size != file_.content_size || packet.original_size != file_.original_size) {
        throw mismatch;
    }
    if (packet.packet != next_) {
        throw ProtocolError("packet-number", "the packet is not the next one");
    }
    if (packet.total != file_.total || packet.name != file_.name) {
        throw mismatch;
    }
}

}  // namespace tests
}  // namespace backup
