#include "dialect.h"

#include <algorithm>
#include <stdexcept>

namespace backup {

namespace {

// 0 stands for a message that the dialect does not have: no code on the wire finds it.
template <typename Kind, std::size_t count>
bool find_code(const std::array<std::uint16_t, count>& codes, std::uint16_t code, Kind& kind) {
    const auto found = std::find(codes.begin(), codes.end(), code);
    if (code == 0 || found == codes.end()) {
        return false;
    }
    kind = static_cast<Kind>(found - codes.begin());
    return true;
}

template <typename Value>
bool holds(const std::vector<Value>& values, const Value& value) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

bool Dialect::find(std::uint16_t code, Request& request) const {
    return find_code(request_codes, code, request);
}

bool Dialect::find(std::uint16_t code, Response& response) const {
    return find_code(response_codes, code, response);
}

const AfterVerdict& Dialect::after(Request verdict) const {
    switch (verdict) {
        case Request::cksum_right:
            return after_right;
        case Request::cksum_wrong:
            return after_wrong;
        case Request::give_up:
            return after_give_up;
        default:
            throw std::logic_error("this request is no verdict");
    }
}

bool Dialect::accepts_public_key_of(std::size_t size) const {
    return holds(public_key_sizes, size);
}

bool Dialect::echoes(ReceivedField field) const {
    return holds(file_received_fields, field);
}

}  // namespace backup
