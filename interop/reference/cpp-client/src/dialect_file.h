// Reads dialects from their files: vectors/dialects/NAME.json, or a file of the user's.

#ifndef BACKUP_DIALECT_FILE_H
#define BACKUP_DIALECT_FILE_H

#include <string>

#include "dialect.h"

namespace backup {

// Reads a dialect from its JSON text. `origin` names the file in error messages. Missing, unknown and
// ill-typed parameters, and combinations that cannot be, are refused with a LocalError: a misread dialect
// would fail much later, on the wire.
Dialect parse_dialect(const std::string& json_text, const std::string& origin);

// `name_or_file` is a file if it has a slash or ends in .json, else the name of a file in `folder`.
// UsageError if there is no dialect of that name.
Dialect load_dialect(const std::string& name_or_file, const std::string& folder);

}  // namespace backup

#endif
