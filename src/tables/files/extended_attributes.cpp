#include "linux/files/extended_attributes.h"

#include <openssl/evp.h>

#include <optional>

#include "base/text.h"
#include "tables/files/asked_paths.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::string path;
  std::string directory;
  std::string key;
  const Root* root;
  bool always_encode;
  std::optional<Result<std::string>> raw = std::nullopt;

  const Result<std::string>& read() {
    if (!raw) raw = linux::read_attribute(*root, path, key);
    return *raw;
  }
  bool encoded() {
    const auto& bytes = read();
    if (always_encode || !bytes) return always_encode;
    const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7F; };
    return std::ranges::any_of(*bytes, is_control) || !is_valid_utf8(*bytes);
  }
  Result<std::string> value() {
    const auto& bytes = read();
    if (!bytes || !encoded()) return bytes;
    std::string text((bytes->size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends it with a NUL
    const auto length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes->data()), static_cast<int>(bytes->size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
  }
};

Rows<Handle> scan(const Scan& scan) {
  auto walk = asked_paths(scan);
  while (walk.next()) {
    const auto keys = scan.take(linux::list_attributes(scan.root(), walk.path()));
    if (!keys) continue;
    for (const auto& key : *keys) {
      Handle handle{std::string(walk.path()), std::string(walk.directory()), key, &scan.root(),
                    scan.osquery_compatible()};
      co_yield handle;
    }
  }
}

}  // namespace

Table extended_attributes() {
  return table("extended_attributes",
               "Extended attributes of files: labels, capabilities, access lists and users' own.", scan)
      .column("path", TEXT, &Handle::path, kPathHelp, REQUIRED | OPTIMIZED)
      .column("directory", TEXT, &Handle::directory,
              "The directory it is in. Asked by = or LIKE it gives what lies directly in that directory.",
              REQUIRED | OPTIMIZED)
      .column("key", TEXT, &Handle::key, "The attribute's name, with its namespace: user.origin.")
      .column("value", TEXT, &Handle::value, "The attribute's value, in base64 where the next column is 1.")
      .column("base64", INTEGER, &Handle::encoded,
              "1 if the value is in base64: where it is not plain text, and always under osquery's name.")
      .example("SELECT path, key, value FROM extended_attributes WHERE directory = '/usr/bin'")
      .note("Symbolic links are followed. Access lists and capabilities are the kernel's raw bytes.");
}

}  // namespace osprey::tables
