// The database's tables and the steps from one version of them to the next. A step that has shipped
// never changes; the next version is a step more. Called when the database is opened.
#pragma once

#include "store/sqlite/database.hpp"

namespace sluice::store {

inline constexpr int schema_version = 2;

// Brings the tables to `version`, each step in a transaction of its own. Error: the file belongs
// to a newer sluice, or to another program.
Result<void> migrate(Database& database, int version = schema_version);

// For readers, which do not migrate: error when the tables are not exactly of this version.
Result<void> check_schema(Database& database);

}  // namespace sluice::store
