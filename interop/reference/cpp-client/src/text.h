// Small helpers for text that comes from outside.

#ifndef BACKUP_TEXT_H
#define BACKUP_TEXT_H

#include <cstddef>
#include <string>

namespace backup {

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(const std::string& text);

// The number of code points of well-formed UTF-8.
std::size_t count_characters(const std::string& text);

// The text with control characters as \xNN, so that a name cannot forge lines of output or drive a terminal.
std::string printable(const std::string& text);

}  // namespace backup

#endif
