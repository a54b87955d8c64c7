#include "dialect_file.h"

#include <set>

#include "errors.h"
#include "files.h"
#include "json_members.h"

namespace backup {

namespace {

using nlohmann::json;

constexpr std::size_t dialect_file_limit = 64 * 1024;
constexpr std::uint32_t largest_packet_size = 4294967280U;

// A message's name in the file, and whether a dialect may be without it.
struct CodeName {
    const char* name;
    bool is_optional;
};

const std::array<CodeName, request_count> request_names = {{{"register", false},
                                                            {"send_public_key", false},
                                                            {"reconnect", true},
                                                            {"send_file", false},
                                                            {"cksum_right", false},
                                                            {"cksum_wrong", false},
                                                            {"give_up", false}}};
const std::array<CodeName, response_count> response_names = {{{"registered", false},
                                                              {"refused", false},
                                                              {"aes_key", false},
                                                              {"file_received", false},
                                                              {"acknowledged", false},
                                                              {"reconnected", true},
                                                              {"reconnect_refused", true},
                                                              {"general_error", true}}};

// The values that a parameter may have, as the file writes them and as the program does.
template <typename Value>
using Choices = std::vector<std::pair<json, Value>>;

const Choices<ByteOrder> byte_orders = {{"little", ByteOrder::little}, {"big", ByteOrder::big}};
const Choices<Alignment> alignments = {{"packed", Alignment::packed}, {"natural", Alignment::natural}};
const Choices<std::size_t> name_widths = {{255, 255}, {256, 256}};
const Choices<std::size_t> response_size_widths = {{2, 2}, {4, 4}};
const Choices<SizeCounts> size_counts = {
    {"payload", SizeCounts::payload}, {"message", SizeCounts::message}, {"padded", SizeCounts::padded}};
const Choices<std::size_t> response_paddings = {{0, 0}, {1024, 1024}, {2048, 2048}};
const Choices<std::size_t> request_paddings = {{0, 0}, {1024, 1024}};
const Choices<RefusedPayload> refused_payloads = {{"empty", RefusedPayload::empty},
                                                  {"client-id", RefusedPayload::client_id}};
const Choices<std::vector<ReceivedField>> received_layouts = {
    {{"client_id", "content_size", "file_name", "cksum"},
     {ReceivedField::client_id, ReceivedField::content_size, ReceivedField::file_name, ReceivedField::cksum}},
    {{"client_id", "file_name", "cksum"},
     {ReceivedField::client_id, ReceivedField::file_name, ReceivedField::cksum}},
    {{"content_size", "file_name", "cksum"},
     {ReceivedField::content_size, ReceivedField::file_name, ReceivedField::cksum}}};
const Choices<EchoedSize> echoed_sizes = {{"content", EchoedSize::content}, {"plain", EchoedSize::plain}};
const Choices<Checksum> checksums = {
    {"posix", Checksum::posix}, {"zlib", Checksum::zlib}, {"crc8", Checksum::crc8}};
const Choices<ChecksumInput> checksum_inputs = {{"plaintext", ChecksumInput::plaintext},
                                                {"padded", ChecksumInput::padded},
                                                {"content", ChecksumInput::content}};
const Choices<std::size_t> cksum_widths = {{4, 4}, {16, 16}};
const Choices<std::size_t> aes_key_sizes = {{16, 16}, {32, 32}};
const Choices<std::vector<std::size_t>> public_key_sizes = {{json::array({160}), {160}},
                                                            {json::array({160, 162}), {160, 162}}};
const Choices<ConnectionUse> connection_uses = {{"session", ConnectionUse::session},
                                                {"request", ConnectionUse::request}};
const Choices<ReconnectKey> reconnect_keys = {{"new", ReconnectKey::made_new}, {"same", ReconnectKey::same}};
const Choices<VerdictAnswer> verdict_answers = {{"none", VerdictAnswer::none},
                                                {"refused", VerdictAnswer::refused},
                                                {"acknowledged", VerdictAnswer::acknowledged},
                                                {"acknowledged-with-id", VerdictAnswer::acknowledged_with_id},
                                                {"general-error", VerdictAnswer::general_error}};

template <typename Value>
Value choose(JsonMembers& members, const char* name, const Choices<Value>& choices) {
    const json& value = members.take(name);
    for (const auto& choice : choices) {
        // json compares 255 and 255.0 as equal; the schema wants integers where integers stand.
        if (choice.first == value && choice.first.is_number() == value.is_number_integer()) {
            return choice.second;
        }
    }
    throw members.bad(name);
}

template <std::size_t count>
std::array<std::uint16_t, count> read_codes(JsonMembers& members, const char* group,
                                            const std::array<CodeName, count>& names) {
    JsonMembers codes(members.take(group), members.inner(group));
    std::array<std::uint16_t, count> result{};
    std::set<std::uint16_t> seen;
    for (std::size_t i = 0; i < count; ++i) {
        const char* const name = names[i].name;
        if (names[i].is_optional && codes.take(name).is_null()) {
            continue;
        }
        result[i] = static_cast<std::uint16_t>(codes.number(name, 1, UINT16_MAX));
        if (!seen.insert(result[i]).second) {
            throw codes.bad(name);
        }
    }
    codes.finish();
    return result;
}

AfterVerdict read_after(JsonMembers& members, const char* name) {
    JsonMembers after(members.take(name), members.inner(name));
    const AfterVerdict result{choose(after, "answer", verdict_answers), after.flag("close")};
    after.finish();
    return result;
}

std::string read_name(JsonMembers& members) {
    const std::string name = members.text("name");
    const bool is_name = !name.empty() && name.front() != '-' &&
                         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (!is_name) {
        throw members.bad("name");
    }
    return name;
}

// 10.2: what each parameter allows by itself, but not with the others.
void check_combinations(const Dialect& dialect, const std::string& origin) {
    const auto refuse = [&](const std::string& text) { throw LocalError(origin + ": " + text); };
    if (dialect.packet_size != 0 && !dialect.packets) {
        refuse("\"packet_size\" needs \"packets\"");
    }
    if (dialect.packet_size % 16 != 0) {
        refuse("\"packet_size\" is not a multiple of 16");
    }
    if (dialect.has(Request::reconnect) &&
        (!dialect.has(Response::reconnected) || !dialect.has(Response::reconnect_refused))) {
        refuse("\"reconnect\" needs the codes \"reconnected\" and \"reconnect_refused\"");
    }
    for (const AfterVerdict& after : {dialect.after_right, dialect.after_wrong, dialect.after_give_up}) {
        if (after.answer == VerdictAnswer::general_error && !dialect.has(Response::general_error)) {
            refuse("an answer \"general-error\" needs the code \"general_error\"");
        }
    }
}

bool is_file_argument(const std::string& text) {
    const std::string suffix = ".json";
    return text.find('/') != std::string::npos ||
           (text.size() > suffix.size() &&
            text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0);
}

}  // namespace

Dialect parse_dialect(const std::string& json_text, const std::string& origin) {
    const json document = json::parse(json_text, nullptr, false);
    if (document.is_discarded()) {
        throw LocalError(origin + " is not JSON");
    }
    JsonMembers members(document, origin);
    Dialect dialect{};
    dialect.name = read_name(members);
    if (members.text("title").empty()) {
        throw members.bad("title");
    }
    dialect.request_codes = read_codes(members, "request_codes", request_names);
    dialect.response_codes = read_codes(members, "response_codes", response_names);
    dialect.byte_order = choose(members, "byte_order", byte_orders);
    dialect.packet_byte_order = choose(members, "packet_byte_order", byte_orders);
    dialect.alignment = choose(members, "alignment", alignments);
    dialect.name_width = choose(members, "name_width", name_widths);
    dialect.response_size_width = choose(members, "response_size_width", response_size_widths);
    dialect.size_counts = choose(members, "size_counts", size_counts);
    dialect.response_padding = choose(members, "response_padding", response_paddings);
    dialect.request_padding = choose(members, "request_padding", request_paddings);
    dialect.client_id_in_payload = members.flag("client_id_in_payload");
    dialect.refused_payload = choose(members, "refused_payload", refused_payloads);
    dialect.file_received_fields = choose(members, "file_received_fields", received_layouts);
    dialect.echoed_size = choose(members, "echoed_size", echoed_sizes);
    dialect.checksum = choose(members, "checksum", checksums);
    dialect.checksum_input = choose(members, "checksum_input", checksum_inputs);
    dialect.cksum_width = choose(members, "cksum_width", cksum_widths);
    dialect.aes_key_size = choose(members, "aes_key_size", aes_key_sizes);
    dialect.public_key_sizes = choose(members, "public_key_sizes", public_key_sizes);
    dialect.connection = choose(members, "connection", connection_uses);
    dialect.packets = members.flag("packets");
    dialect.packet_size = static_cast<std::uint32_t>(members.number("packet_size", 0, largest_packet_size));
    dialect.reconnect_key = choose(members, "reconnect_key", reconnect_keys);
    dialect.transmissions = static_cast<unsigned>(members.number("transmissions", 1, 255));
    dialect.after_right = read_after(members, "after_right");
    dialect.after_wrong = read_after(members, "after_wrong");
    dialect.after_give_up = read_after(members, "after_give_up");
    dialect.default_port = static_cast<std::uint16_t>(members.number("default_port", 1, UINT16_MAX));
    members.finish();
    check_combinations(dialect, origin);
    return dialect;
}

Dialect load_dialect(const std::string& name_or_file, const std::string& folder) {
    if (is_file_argument(name_or_file)) {
        return parse_dialect(read_small_file(name_or_file, dialect_file_limit), name_or_file);
    }
    const std::string path = folder + "/" + name_or_file + ".json";
    if (name_or_file.empty() || !file_exists(path)) {
        throw UsageError("no dialect \"" + name_or_file + "\" in " + folder);
    }
    return parse_dialect(read_small_file(path, dialect_file_limit), path);
}

}  // namespace backup
