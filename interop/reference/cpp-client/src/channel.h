// Responses on a connection: cut out of the stream, known by their code, of a possible size.

#ifndef BACKUP_CHANNEL_H
#define BACKUP_CHANNEL_H

#include "dialect.h"
#include "responses.h"
#include "socket.h"

namespace backup {

struct Incoming {
    enum class Kind { response, end, reset, timeout };
    Kind kind;
    Response code;  // with Kind::response, as is the payload
    Bytes payload;
};

// 2101, and 2107 where the dialect has it (2.10, 10.6).
bool is_refusal(Response code);

class Channel {
  public:
    // With `one_read` a response must come whole within one read, as the described client needs it (3.1);
    // else it may come in any segmentation (1.4).
    Channel(Connection connection, const Dialect& dialect, bool one_read)
        : connection_(std::move(connection)), dialect_(dialect), one_read_(one_read) {}

    void send(const Bytes& bytes) { connection_.send(bytes); }
    void end_sending() { connection_.end_sending(); }

    // The next response, or what came in its place before the deadline of one read.
    Incoming next();

    // True if a whole refusal stands first in what came so far. It takes the acknowledgements before it.
    bool is_refused_early();

  private:
    // The response that stands first in the input.
    struct Frame {
        ResponseHeader header;
        Response code;
        std::size_t payload_size;
        std::size_t size;  // of everything: header, payload and padding
    };

    bool peek(Frame& frame) const;
    bool take_buffered(Incoming& incoming);

    Connection connection_;
    const Dialect& dialect_;
    bool one_read_;
    bool told_version_ = false;
};

}  // namespace backup

#endif
