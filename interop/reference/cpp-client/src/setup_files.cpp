#include "setup_files.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <vector>

#include "errors.h"
#include "files.h"
#include "text.h"

namespace backup {

namespace {

constexpr std::size_t setup_file_limit = 64 * 1024;
constexpr std::size_t client_name_limit = 254;  // bytes (8.2)
constexpr std::size_t long_client_name = 100;   // characters; above it a warning (8.2)
const char* const transfer_info_name = "transfer.info";
const char* const identity_name = "me.info";
const char* const old_identity_name = "Me.info";
const char* const key_name = "priv.key";

// Lines end in CRLF or LF, the last one in either or in nothing. Empty lines at the end do not count.
std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        if (!line.empty() && line.back() == '\r') {
            line.pop_back();
        }
        lines.push_back(line);
        at = end + 1;
    }
    while (!lines.empty() && lines.back().empty()) {
        lines.pop_back();
    }
    return lines;
}

// 1.8: a name must fit its field.
void check_client_name(const std::string& name) {
    if (name.empty() || name.size() > client_name_limit || !is_utf8(name) ||
        name.find('\0') != std::string::npos) {
        throw LocalError("the client name is not 1 to 254 bytes of UTF-8");
    }
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

ClientId parse_client_id(const std::string& text) {
    ClientId id{};
    if (text.size() != 2 * id.size()) {
        throw LocalError("the client ID is not 32 hex digits");
    }
    for (std::size_t i = 0; i < id.size(); ++i) {
        const int high = hex_digit(text[2 * i]);
        const int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            throw LocalError("the client ID is not 32 hex digits");
        }
        id[i] = static_cast<Byte>(high * 16 + low);
    }
    return id;
}

std::string format_client_id(const ClientId& id) {
    static const char* const digits = "0123456789abcdef";
    std::string text;
    for (const Byte byte : id) {
        text += digits[byte >> 4U];
        text += digits[byte & 0x0FU];
    }
    return text;
}

std::string trimmed(const std::string& text) {
    const char* const blanks = " \t\r";
    const std::size_t from = text.find_first_not_of(blanks);
    if (from == std::string::npos) {
        return std::string();
    }
    return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

std::string folder_of_executable() {
    std::array<char, PATH_MAX> path{};
    const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
    if (size <= 0 || static_cast<std::size_t>(size) >= path.size()) {
        return std::string();
    }
    const std::string text(path.data(), static_cast<std::size_t>(size));
    return text.substr(0, text.rfind('/') + 1);
}

void warn_if_others_can_read(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        std::cerr << "warning: " << path << " holds a private key and others have access to it: chmod 600\n";
    }
}

std::string read_secret_file(const std::string& path) {
    warn_if_others_can_read(path);
    return read_small_file(path, setup_file_limit);
}

}  // namespace

Endpoint parse_endpoint(const std::string& text) {
    const LocalError bad("\"" + printable(text) + "\" is not host:port");
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) {
        throw bad;
    }
    Endpoint endpoint{text.substr(0, colon), 0};
    if (endpoint.host.front() == '[') {
        if (endpoint.host.size() < 3 || endpoint.host.back() != ']') {
            throw bad;
        }
        endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
    } else if (endpoint.host.find(':') != std::string::npos) {
        throw bad;  // an IPv6 address without brackets: where the port begins is a guess
    }
    const std::string digits = text.substr(colon + 1);
    if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos) {
        throw bad;
    }
    const unsigned long port = std::stoul(digits);
    if (port == 0 || port > UINT16_MAX) {
        throw bad;
    }
    endpoint.port = static_cast<std::uint16_t>(port);
    return endpoint;
}

TransferInfo parse_transfer_info(const std::string& text) {
    const std::vector<std::string> lines = split_lines(text);
    if (lines.size() < 2 || lines.size() > 3) {
        throw LocalError("not three lines: host:port, client name, path of the file");
    }
    TransferInfo info;
    info.server = parse_endpoint(trimmed(lines[0]));
    info.client_name = lines[1];
    check_client_name(info.client_name);
    if (lines.size() == 3) {
        info.path = lines[2];
    }
    return info;
}

TransferInfo load_transfer_info() {
    std::string path = transfer_info_name;
    if (!file_exists(path)) {
        const std::string beside = folder_of_executable() + transfer_info_name;
        if (!file_exists(beside)) {
            throw LocalError("there is no transfer.info in the working folder or beside the executable");
        }
        path = beside;
    }
    const std::string text = read_small_file(path, setup_file_limit);
    try {
        TransferInfo info = parse_transfer_info(text);
        if (count_characters(info.client_name) > long_client_name) {
            std::cerr << "warning: the client name is longer than 100 characters\n";
        }
        return info;
    } catch (const LocalError& error) {
        throw LocalError(path + ": " + error.what());
    }
}

Identity parse_identity(const std::string& text, const std::string& key_text) {
    std::vector<std::string> lines = split_lines(text);
    if (lines.size() == 2) {
        const std::vector<std::string> key_lines = split_lines(key_text);
        lines.insert(lines.end(), key_lines.begin(), key_lines.end());
    }
    if (lines.size() < 3) {
        throw LocalError("not three lines: client name, client ID, private key");
    }
    check_client_name(lines[0]);
    const ClientId id = parse_client_id(trimmed(lines[1]));
    std::string base64;
    for (std::size_t i = 2; i < lines.size(); ++i) {
        base64 += trimmed(lines[i]);
    }
    return Identity{lines[0], id, RsaKeyPair::from_pkcs8(decode_base64(base64))};
}

std::string format_identity(const Identity& identity) {
    return identity.client_name + "\n" + format_client_id(identity.client_id) + "\n" +
           encode_base64(identity.key.pkcs8()) + "\n";
}

std::unique_ptr<Identity> load_identity() {
    for (const char* const name : {identity_name, old_identity_name}) {
        if (!file_exists(name)) {
            continue;
        }
        const std::string text = read_secret_file(name);
        const std::string key_text = file_exists(key_name) ? read_secret_file(key_name) : std::string();
        try {
            return std::make_unique<Identity>(parse_identity(text, key_text));
        } catch (const LocalError& error) {
            // Going on without it would register anew and, in the end, overwrite a key that may be repaired.
            throw LocalError(std::string(name) + ": " + error.what());
        }
    }
    return nullptr;
}

void save_identity(const Identity& identity) {
    write_secret_file(identity_name, format_identity(identity));
}

}  // namespace backup
