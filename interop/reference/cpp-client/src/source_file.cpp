#include "source_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "errors.h"
#include "fields.h"
#include "text.h"

namespace backup {

namespace {

constexpr std::size_t piece_size = 64 * 1024;  // a multiple of the block size

}  // namespace

SourceFile::SourceFile(const std::string& path, std::uint64_t largest) : path_(path) {
    // O_NONBLOCK keeps a named pipe from holding the open; it changes nothing for regular files.
    file_ = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file_.is_open()) {
        throw LocalError(with_errno("cannot open " + printable(path), errno));
    }
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) {
        throw LocalError(with_errno("cannot read " + printable(path), errno));
    }
    if (!S_ISREG(status.st_mode)) {
        throw LocalError(printable(path) + " is not a regular file");
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
    if (size_ > largest) {
        throw LocalError(printable(path) + " has " + std::to_string(size_) +
                         " bytes; the protocol carries at most " + std::to_string(largest));
    }
}

Bytes SourceFile::read(std::uint64_t offset, std::size_t count) const {
    Bytes bytes(count);
    std::size_t done = 0;
    while (done < count) {
        const ssize_t got =
            ::pread(file_.get(), bytes.data() + done, count - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            throw LocalError(with_errno("cannot read " + printable(path_), errno));
        }
        if (got == 0) {
            break;
        }
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

Bytes ContentStream::next(std::uint64_t most) {
    if (given_ == content_.size() && !finished_) {
        read_on();
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(most, content_.size() - given_));
    const auto from = content_.begin() + static_cast<std::ptrdiff_t>(given_);
    given_ += size;
    return Bytes(from, from + static_cast<std::ptrdiff_t>(size));
}

void ContentStream::read_on() {
    const std::uint64_t left = file_.size() - offset_;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, left));
    const Bytes plain = file_.read(offset_, want);
    const bool is_last = want == left;
    if (plain.size() != want || (is_last && !file_.read(file_.size(), 1).empty())) {
        throw LocalError(printable(file_.path()) + " changed its size while it was being sent");
    }
    offset_ += want;
    content_ = encryptor_.update(plain.data(), plain.size());
    given_ = 0;
    if (is_last) {
        const Bytes tail = encryptor_.finish();
        content_.insert(content_.end(), tail.begin(), tail.end());
        finished_ = true;
    }
    if (input_ == ChecksumInput::content) {
        cksum_.update(content_);
        return;
    }
    cksum_.update(plain);
    if (is_last && input_ == ChecksumInput::padded) {
        const std::size_t padding = block_size - file_.size() % block_size;
        cksum_.update(Bytes(padding, static_cast<Byte>(padding)));
    }
}

}  // namespace backup
