#include "linux/audit/rule.h"

#include <fmt/format.h>
#include <linux/audit.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/root.h"
#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::uint32_t kArgument = AUDIT_ARG0;
constexpr char kKeySeparator = '\x01';

// What a field's value is.
enum class Shape {
  number,
  hexadecimal,
  user,
  group,
  exit,
  arch,
  record_type,
  text,
  permissions,
  file_type,
  filesystem,
  comparison
};
// Which operators the kernel takes for it (audit_field_valid() of kernel/auditfilter.c).
enum class Operators { all, ordered, equality };

struct FieldKind {
  std::string_view name;
  std::uint32_t field;
  Shape shape;
  Operators operators;
};

constexpr FieldKind kFields[] = {
    {"a0", kArgument, Shape::hexadecimal, Operators::all},
    {"a1", kArgument + 1, Shape::hexadecimal, Operators::all},
    {"a2", kArgument + 2, Shape::hexadecimal, Operators::all},
    {"a3", kArgument + 3, Shape::hexadecimal, Operators::all},
    {"arch", AUDIT_ARCH, Shape::arch, Operators::equality},
    {"auid", AUDIT_LOGINUID, Shape::user, Operators::ordered},
    {"devmajor", AUDIT_DEVMAJOR, Shape::number, Operators::ordered},
    {"devminor", AUDIT_DEVMINOR, Shape::number, Operators::all},
    {"dir", AUDIT_DIR, Shape::text, Operators::equality},
    {"egid", AUDIT_EGID, Shape::group, Operators::ordered},
    {"euid", AUDIT_EUID, Shape::user, Operators::ordered},
    {"exe", AUDIT_EXE, Shape::text, Operators::equality},
    {"exit", AUDIT_EXIT, Shape::exit, Operators::ordered},
    {"field_compare", AUDIT_FIELD_COMPARE, Shape::comparison, Operators::equality},
    {"filetype", AUDIT_FILETYPE, Shape::file_type, Operators::equality},
    {"fsgid", AUDIT_FSGID, Shape::group, Operators::ordered},
    {"fstype", AUDIT_FSTYPE, Shape::filesystem, Operators::equality},
    {"fsuid", AUDIT_FSUID, Shape::user, Operators::ordered},
    {"gid", AUDIT_GID, Shape::group, Operators::ordered},
    {"inode", AUDIT_INODE, Shape::number, Operators::ordered},
    {"key", AUDIT_FILTERKEY, Shape::text, Operators::equality},
    {"loginuid", AUDIT_LOGINUID, Shape::user, Operators::ordered},
    {"loginuid_set", AUDIT_LOGINUID_SET, Shape::number, Operators::equality},
    {"msgtype", AUDIT_MSGTYPE, Shape::record_type, Operators::ordered},
    {"obj_gid", AUDIT_OBJ_GID, Shape::group, Operators::ordered},
    {"obj_lev_high", AUDIT_OBJ_LEV_HIGH, Shape::text, Operators::ordered},
    {"obj_lev_low", AUDIT_OBJ_LEV_LOW, Shape::text, Operators::ordered},
    {"obj_role", AUDIT_OBJ_ROLE, Shape::text, Operators::equality},
    {"obj_type", AUDIT_OBJ_TYPE, Shape::text, Operators::equality},
    {"obj_uid", AUDIT_OBJ_UID, Shape::user, Operators::ordered},
    {"obj_user", AUDIT_OBJ_USER, Shape::text, Operators::equality},
    {"path", AUDIT_WATCH, Shape::text, Operators::equality},
    {"perm", AUDIT_PERM, Shape::permissions, Operators::equality},
    {"pers", AUDIT_PERS, Shape::number, Operators::all},
    {"pid", AUDIT_PID, Shape::number, Operators::ordered},
    {"ppid", AUDIT_PPID, Shape::number, Operators::ordered},
    {"saddr_fam", AUDIT_SADDR_FAM, Shape::number, Operators::ordered},
    {"sessionid", AUDIT_SESSIONID, Shape::number, Operators::ordered},
    {"sgid", AUDIT_SGID, Shape::group, Operators::ordered},
    {"subj_clr", AUDIT_SUBJ_CLR, Shape::text, Operators::ordered},
    {"subj_role", AUDIT_SUBJ_ROLE, Shape::text, Operators::equality},
    {"subj_sen", AUDIT_SUBJ_SEN, Shape::text, Operators::ordered},
    {"subj_type", AUDIT_SUBJ_TYPE, Shape::text, Operators::equality},
    {"subj_user", AUDIT_SUBJ_USER, Shape::text, Operators::equality},
    {"success", AUDIT_SUCCESS, Shape::number, Operators::ordered},
    {"suid", AUDIT_SUID, Shape::user, Operators::ordered},
    {"uid", AUDIT_UID, Shape::user, Operators::ordered},
};

struct Word {
  std::string_view name;
  std::uint32_t value;
};
// The long ones first: "<" begins "<=".
constexpr Word kOperators[] = {
    {"!=", AUDIT_NOT_EQUAL},
    {"<=", AUDIT_LESS_THAN_OR_EQUAL},
    {">=", AUDIT_GREATER_THAN_OR_EQUAL},
    {"&=", AUDIT_BIT_TEST},
    {"=", AUDIT_EQUAL},
    {"<", AUDIT_LESS_THAN},
    {">", AUDIT_GREATER_THAN},
    {"&", AUDIT_BIT_MASK},
};
constexpr Word kLists[] = {
    {"user", AUDIT_FILTER_USER},       {"task", AUDIT_FILTER_TASK},     {"exit", AUDIT_FILTER_EXIT},
    {"exclude", AUDIT_FILTER_EXCLUDE}, {"filesystem", AUDIT_FILTER_FS}, {"io_uring", AUDIT_FILTER_URING_EXIT},
};
constexpr Word kActions[] = {{"never", AUDIT_NEVER}, {"always", AUDIT_ALWAYS}};
constexpr Word kFileTypes[] = {{"file", S_IFREG},      {"dir", S_IFDIR},   {"socket", S_IFSOCK}, {"link", S_IFLNK},
                               {"character", S_IFCHR}, {"block", S_IFBLK}, {"fifo", S_IFIFO}};
constexpr Word kFilesystems[] = {{"debugfs", 0x64626720}, {"tracefs", 0x74726163}};
constexpr Word kPermissions[] = {
    {"r", AUDIT_PERM_READ}, {"w", AUDIT_PERM_WRITE}, {"x", AUDIT_PERM_EXEC}, {"a", AUDIT_PERM_ATTR}};
// The errors that rules are written about.
constexpr Word kErrors[] = {
    {"EPERM", EPERM},
    {"ENOENT", ENOENT},
    {"ESRCH", ESRCH},
    {"EINTR", EINTR},
    {"EIO", EIO},
    {"ENXIO", ENXIO},
    {"E2BIG", E2BIG},
    {"ENOEXEC", ENOEXEC},
    {"EBADF", EBADF},
    {"EAGAIN", EAGAIN},
    {"ENOMEM", ENOMEM},
    {"EACCES", EACCES},
    {"EFAULT", EFAULT},
    {"EBUSY", EBUSY},
    {"EEXIST", EEXIST},
    {"EXDEV", EXDEV},
    {"ENODEV", ENODEV},
    {"ENOTDIR", ENOTDIR},
    {"EISDIR", EISDIR},
    {"EINVAL", EINVAL},
    {"ENFILE", ENFILE},
    {"EMFILE", EMFILE},
    {"ENOSPC", ENOSPC},
    {"EROFS", EROFS},
    {"EPIPE", EPIPE},
    {"ENOSYS", ENOSYS},
    {"ELOOP", ELOOP},
    {"ETIMEDOUT", ETIMEDOUT},
    {"ECONNREFUSED", ECONNREFUSED},
    {"EINPROGRESS", EINPROGRESS},
};
// Of -C: two fields that are compared with each other.
struct Comparison {
  std::string_view left, right;
  std::uint32_t value;
};
constexpr Comparison kComparisons[] = {
    {"uid", "obj_uid", AUDIT_COMPARE_UID_TO_OBJ_UID},     {"gid", "obj_gid", AUDIT_COMPARE_GID_TO_OBJ_GID},
    {"euid", "obj_uid", AUDIT_COMPARE_EUID_TO_OBJ_UID},   {"egid", "obj_gid", AUDIT_COMPARE_EGID_TO_OBJ_GID},
    {"auid", "obj_uid", AUDIT_COMPARE_AUID_TO_OBJ_UID},   {"suid", "obj_uid", AUDIT_COMPARE_SUID_TO_OBJ_UID},
    {"sgid", "obj_gid", AUDIT_COMPARE_SGID_TO_OBJ_GID},   {"fsuid", "obj_uid", AUDIT_COMPARE_FSUID_TO_OBJ_UID},
    {"fsgid", "obj_gid", AUDIT_COMPARE_FSGID_TO_OBJ_GID}, {"uid", "auid", AUDIT_COMPARE_UID_TO_AUID},
    {"uid", "euid", AUDIT_COMPARE_UID_TO_EUID},           {"uid", "fsuid", AUDIT_COMPARE_UID_TO_FSUID},
    {"uid", "suid", AUDIT_COMPARE_UID_TO_SUID},           {"auid", "fsuid", AUDIT_COMPARE_AUID_TO_FSUID},
    {"auid", "suid", AUDIT_COMPARE_AUID_TO_SUID},         {"auid", "euid", AUDIT_COMPARE_AUID_TO_EUID},
    {"euid", "suid", AUDIT_COMPARE_EUID_TO_SUID},         {"euid", "fsuid", AUDIT_COMPARE_EUID_TO_FSUID},
    {"suid", "fsuid", AUDIT_COMPARE_SUID_TO_FSUID},       {"gid", "egid", AUDIT_COMPARE_GID_TO_EGID},
    {"gid", "fsgid", AUDIT_COMPARE_GID_TO_FSGID},         {"gid", "sgid", AUDIT_COMPARE_GID_TO_SGID},
    {"egid", "fsgid", AUDIT_COMPARE_EGID_TO_FSGID},       {"egid", "sgid", AUDIT_COMPARE_EGID_TO_SGID},
    {"sgid", "fsgid", AUDIT_COMPARE_SGID_TO_FSGID},
};

std::string_view name_in(std::span<const Word> words, std::uint32_t value) noexcept {
  const auto found = std::ranges::find(words, value, &Word::value);
  return found == words.end() ? std::string_view() : found->name;
}

std::unexpected<Error> refuse(std::string message) { return failure("audit rule", std::move(message)); }

std::unexpected<Error> unknown(std::string_view what, std::string_view word,
                               const std::vector<std::string_view>& known) {
  const auto meant = nearest(word, known);
  return refuse(meant ? fmt::format("'{}' is no {}: '{}' is", word, what, *meant)
                      : fmt::format("'{}' is no {}", word, what));
}

Result<std::uint32_t> value_in(std::span<const Word> words, std::string_view name, std::string_view what) {
  std::vector<std::string_view> known;
  for (const auto& word : words) {
    if (word.name == name) return word.value;
    known.push_back(word.name);
  }
  return unknown(what, name, known);
}

Result<const FieldKind*> kind_named(std::string_view name) {
  std::vector<std::string_view> known;
  for (const auto& kind : kFields) {
    if (kind.name == name) return &kind;
    known.push_back(kind.name);
  }
  return unknown("field of a rule", name, known);
}

const FieldKind* kind_numbered(std::uint32_t field) noexcept {
  for (const auto& kind : kFields)
    if (kind.field == field) return &kind;
  return nullptr;
}

// 12, 0x1F, 017; -1 is what unset ids are.
Result<std::uint32_t> number_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  auto digits = text.substr(negative ? 1 : 0);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits.starts_with('0')) {
    base = 8;
  }
  const auto number = parse<std::uint32_t>(digits, base);
  if (!number || (negative && *number > INT32_MAX)) return refuse(fmt::format("'{}' is no number of 32 bits", text));
  return negative ? 0 - *number : *number;
}

// A number, "unset", or a name of /etc/passwd or /etc/group.
Result<std::uint32_t> id_of(std::string_view text, std::string_view file, std::string_view what) {
  if (text == "unset") return UINT32_MAX;
  if (!text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'))) return number_of(text);
  const auto content = Root::host().read(file);
  if (content)
    for (const auto line : Lines(content->bytes)) {
      const auto parts = split(line, ':');
      if (parts.size() > 2 && parts[0] == text)
        if (const auto id = parse<std::uint32_t>(parts[2])) return *id;
    }
  return refuse(fmt::format("{} has no {} '{}': write the number", file, what, text));
}

Result<std::uint32_t> exit_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  const auto word = text.substr(negative ? 1 : 0);
  if (word.starts_with('E')) {
    const auto code = TRY(value_in(kErrors, word, "error's name"));
    return negative ? 0 - code : code;
  }
  return number_of(text);
}

Result<std::uint32_t> arch_of(std::string_view text) {
  const auto native = native_arch();
  const auto compat = compat_arch();
  if (text == "b64" && native) return audit_arch_number(*native);
  if (text == "b32" && compat) return audit_arch_number(*compat);
  if (text == "x32")
    return refuse("the kernel cannot audit x32's system calls: their numbers do not fit into a rule's mask");
  for (const auto arch : {AuditArch::x86_64, AuditArch::i386, AuditArch::aarch64})
    if (name_of(arch) == text) return audit_arch_number(arch);
  if (text.starts_with("0x")) return number_of(text);
  return unknown("architecture", text, {"b64", "b32", "x86_64", "i386", "aarch64"});
}

Result<std::uint32_t> record_type_of(std::string_view text) {
  const auto type = record_type(text);
  if (!type) return refuse(fmt::format("'{}' is no type of record", text));
  return *type;
}

Result<std::uint32_t> permissions_of(std::string_view text) {
  std::uint32_t permissions = 0;
  for (const char letter : text) {
    const auto bit = std::ranges::find(kPermissions, std::string_view(&letter, 1), &Word::name);
    if (bit == std::end(kPermissions)) return refuse(fmt::format("'{}' is no permission: r, w, x and a are", letter));
    permissions |= bit->value;
  }
  if (permissions == 0) return refuse("permissions are letters of rwxa");
  return permissions;
}

Result<std::uint32_t> value_of(const FieldKind& kind, std::string_view text) {
  switch (kind.shape) {
    case Shape::number:
      return text == "unset" ? Result<std::uint32_t>(UINT32_MAX) : number_of(text);
    case Shape::hexadecimal:
      return number_of(text);
    case Shape::user:
      return id_of(text, "/etc/passwd", "user");
    case Shape::group:
      return id_of(text, "/etc/group", "group");
    case Shape::exit:
      return exit_of(text);
    case Shape::arch:
      return arch_of(text);
    case Shape::record_type:
      return record_type_of(text);
    case Shape::permissions:
      return permissions_of(text);
    case Shape::file_type:
      return value_in(kFileTypes, text, "type of file");
    case Shape::filesystem:
      return text.starts_with("0x") ? number_of(text) : value_in(kFilesystems, text, "filesystem (debugfs, tracefs)");
    case Shape::comparison:
      return refuse("fields are compared with each other by -C, not -F");
    case Shape::text:
      break;
  }
  return refuse(fmt::format("'{}' has no number", kind.name));
}

Result<void> check_operator(const FieldKind& kind, std::uint32_t op) {
  const bool bits = op == AUDIT_BIT_MASK || op == AUDIT_BIT_TEST;
  const bool equality = op == AUDIT_EQUAL || op == AUDIT_NOT_EQUAL;
  if (kind.operators == Operators::all || equality || (kind.operators == Operators::ordered && !bits)) return {};
  return refuse(fmt::format("{} cannot be asked with '{}', only with {}", kind.name, name_in(kOperators, op),
                            kind.operators == Operators::equality ? "= and !=" : "= != < > <= >="));
}

Result<void> add_condition(AuditRule& rule, std::string_view text) {
  const auto condition = TRY(split_audit_condition(text));
  const auto* kind = TRY(kind_named(condition.left));
  TRY(check_operator(*kind, condition.op));
  if (rule.fields.size() == kMostAuditFields)
    return refuse(fmt::format("'{}' is its 65th field, the kernel takes {} a rule: make two rules of it", text,
                              kMostAuditFields));
  if (kind->shape != Shape::text) {
    const auto value = TRY(value_of(*kind, condition.right));
    rule.add(kind->field, condition.op, value);
    return {};
  }
  if (condition.right.empty() || condition.right.size() > kLongestAuditText)
    return refuse(fmt::format("'{}' needs a value of 1 to {} bytes", condition.left, kLongestAuditText));
  rule.add(kind->field, condition.op, std::string(condition.right));
  return {};
}

Result<void> add_comparison(AuditRule& rule, std::string_view text) {
  const auto condition = TRY(split_audit_condition(text));
  if (condition.op != AUDIT_EQUAL && condition.op != AUDIT_NOT_EQUAL)
    return refuse(fmt::format("'{}': fields are compared with = and != only", text));
  if (rule.fields.size() == kMostAuditFields)
    return refuse(fmt::format("'{}' is its 65th field, the kernel takes {} a rule", text, kMostAuditFields));
  for (const auto& one : kComparisons)
    if ((one.left == condition.left && one.right == condition.right) ||
        (one.left == condition.right && one.right == condition.left)) {
      rule.add(AUDIT_FIELD_COMPARE, condition.op, one.value);
      return {};
    }
  return refuse(fmt::format("the kernel cannot compare {} with {}", condition.left, condition.right));
}

// "always,exit", in either order.
Result<void> set_list_and_action(AuditRule& rule, std::string_view text) {
  auto rest = text;
  const auto first = take_until(rest, ',');
  if (rest.empty()) return refuse(fmt::format("'{}' is no ACTION,LIST such as always,exit", text));
  const bool action_first = first == "always" || first == "never";
  const auto action = TRY(value_in(kActions, action_first ? first : rest, "action (always, never)"));
  const auto list = TRY(value_in(kLists, action_first ? rest : first, "list of rules"));
  rule.action = action;
  rule.list = list;
  return {};
}

Result<void> add_syscalls(AuditRule& rule, std::string_view names, AuditArch arch) {
  for (const auto name : split(names, ',')) {
    if (name == "all") {
      rule.all_syscalls();
      continue;
    }
    auto number = syscall_number(arch, name);
    if (!number) number = parse<std::uint32_t>(name);
    if (!number) {
      std::vector<std::string_view> known;
      for (const auto one : syscall_names())
        if (syscall_number(arch, one)) known.push_back(one);
      return unknown(fmt::format("system call of {}", name_of(arch)), name, known);
    }
    if (*number >= kAuditSyscallWords * 32)
      return refuse(fmt::format("system call {} does not fit into a rule", *number));
    rule.add_syscall(*number);
  }
  return {};
}

// What a watch (-w) lacks: the fields that it stands for.
Result<void> finish_watch(AuditRule& rule, const std::string& path, std::string_view permissions) {
  if (!path.starts_with('/')) return refuse(fmt::format("'{}' is no absolute path", path));
  struct stat about{};
  const bool directory = path.ends_with('/') || (::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode));
  auto watched = path;
  if (watched.size() > 1 && watched.ends_with('/')) watched.pop_back();
  rule.all_syscalls();
  AuditRule made = rule;
  made.fields.clear();
  made.add(directory ? AUDIT_DIR : AUDIT_WATCH, AUDIT_EQUAL, watched);
  made.add(AUDIT_PERM, AUDIT_EQUAL, TRY(permissions_of(permissions.empty() ? "rwxa" : permissions)));
  made.fields.insert(made.fields.end(), rule.fields.begin(), rule.fields.end());
  rule = std::move(made);
  return {};
}

bool is_watch(const AuditRule& rule) {
  if (rule.list != AUDIT_FILTER_EXIT || rule.action != AUDIT_ALWAYS || !rule.has_all_syscalls()) return false;
  int places = 0;
  bool permissions = false;
  for (const auto& field : rule.fields) {
    if (field.op != AUDIT_EQUAL) return false;
    if (field.field == AUDIT_WATCH || field.field == AUDIT_DIR)
      ++places;
    else if (field.field == AUDIT_PERM)
      permissions = true;
    else if (field.field != AUDIT_FILTERKEY)
      return false;
  }
  return places == 1 && permissions;
}

}  // namespace

void AuditRule::add_syscall(std::uint32_t number) noexcept {
  if (number / 32 < kAuditSyscallWords) syscalls[number / 32] |= std::uint32_t{1} << number % 32;
}

bool AuditRule::has_syscall(std::uint32_t number) const noexcept {
  return number / 32 < kAuditSyscallWords && syscalls[number / 32] >> number % 32 & 1;
}

bool AuditRule::has_all_syscalls() const noexcept {
  // The kernel clears the bits that stand for its classes of calls, at the top.
  return std::all_of(syscalls.begin(), syscalls.end() - 1, [](auto word) { return word == UINT32_MAX; });
}

void AuditRule::add(std::uint32_t field, std::uint32_t op, std::string text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  fields.push_back({field, op, size, std::move(text)});
}

const AuditField* AuditRule::find(std::uint32_t field) const noexcept {
  const auto found = std::ranges::find(fields, field, &AuditField::field);
  return found == fields.end() ? nullptr : &*found;
}

std::optional<std::uint32_t> AuditRule::arch() const noexcept {
  const auto* field = find(AUDIT_ARCH);
  return field && field->op == AUDIT_EQUAL ? std::optional(field->value) : std::nullopt;
}

std::vector<std::string_view> AuditRule::keys() const {
  const auto* field = find(AUDIT_FILTERKEY);
  return field ? split(field->text, kKeySeparator) : std::vector<std::string_view>();
}

Result<std::vector<std::string>> audit_rule_words(std::string_view text) {
  std::vector<std::string> words;
  while (!(text = trim_left(text)).empty()) {
    std::string word;
    char quote = 0;
    std::size_t used = 0;
    for (; used < text.size() && (quote || !is_space(text[used])); ++used) {
      const char c = text[used];
      if (quote ? c == quote : c == '"' || c == '\'')
        quote = quote ? 0 : c;
      else
        word += c;
    }
    if (quote) return refuse(fmt::format("a quote {} is not closed", quote));
    text.remove_prefix(used);
    words.push_back(std::move(word));
  }
  return words;
}

Result<AuditCondition> split_audit_condition(std::string_view text) {
  const auto end = text.find_first_of("=!<>&");
  if (end == std::string_view::npos || end == 0)
    return refuse(fmt::format("'{}' has no operator: write FIELD=VALUE with one of = != < > <= >= & &=", text));
  const auto rest = text.substr(end);
  const auto op = std::ranges::find_if(kOperators, [&](const Word& word) { return rest.starts_with(word.name); });
  const auto right = op == std::end(kOperators) ? rest : rest.substr(op->name.size());
  if (op == std::end(kOperators) || right.find_first_of("=!<>&") == 0)
    return refuse(
        fmt::format("'{}' is no operator: = != < > <= >= & &= are", rest.substr(0, rest.find_first_not_of("=!<>&"))));
  return AuditCondition{text.substr(0, end), right, op->value};
}

bool is_audit_text(std::uint32_t field) noexcept {
  const auto* kind = kind_numbered(field);
  return kind && kind->shape == Shape::text;
}

std::string_view audit_field_name(std::uint32_t field) noexcept {
  const auto* kind = kind_numbered(field);
  return kind ? kind->name : std::string_view();
}

std::string_view audit_operator_name(std::uint32_t op) noexcept { return name_in(kOperators, op); }

Result<AuditRule> parse_audit_rule(std::string_view text) {
  const auto words = TRY(audit_rule_words(text));
  return parse_audit_rule(words);
}

Result<AuditRule> parse_audit_rule(std::span<const std::string> words) {
  AuditRule rule;
  bool listed = false;
  std::string watch;
  std::string permissions;
  std::vector<std::string> calls;
  std::string keys;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const auto& option = words[i];
    const std::string_view value = i + 1 < words.size() ? std::string_view(words[i + 1]) : std::string_view();
    if (value.empty()) return refuse(fmt::format("'{}' needs a value", option));
    if (option == "-a" || option == "-A") {
      TRY(set_list_and_action(rule, value));
      rule.first = option == "-A";
      listed = true;
    } else if (option == "-F") {
      TRY(add_condition(rule, value));
    } else if (option == "-C") {
      TRY(add_comparison(rule, value));
    } else if (option == "-S") {
      calls.emplace_back(value);
    } else if (option == "-k") {
      if (!keys.empty()) keys += kKeySeparator;
      keys += value;
    } else if (option == "-w") {
      watch = value;
    } else if (option == "-p") {
      permissions = value;
    } else {
      return unknown("option of a rule", option, {"-a", "-A", "-F", "-C", "-S", "-k", "-w", "-p"});
    }
  }
  if (listed == !watch.empty()) return refuse("needs one of -a ACTION,LIST and -w PATH");
  if (!watch.empty()) TRY(finish_watch(rule, watch, permissions));
  const auto arch = rule.arch();
  const auto known = arch ? audit_arch(*arch, 0) : native_arch();
  for (const auto& names : calls) {
    if (!known) return refuse("system calls of this architecture are not known to us: leave -S out");
    TRY(add_syscalls(rule, names, *known));
  }
  if (calls.empty() && (rule.list == AUDIT_FILTER_EXIT || rule.list == AUDIT_FILTER_TASK)) rule.all_syscalls();
  if (!keys.empty()) {
    if (rule.fields.size() == kMostAuditFields) return refuse("its key is the 65th field, the kernel takes 64");
    rule.add(AUDIT_FILTERKEY, AUDIT_EQUAL, keys);
  }
  if (const auto* key = rule.find(AUDIT_FILTERKEY); key && key->text.size() > AUDIT_MAX_KEY_LEN)
    return refuse(fmt::format("a key has at most {} bytes", AUDIT_MAX_KEY_LEN));
  return rule;
}

std::string_view audit_list_name(std::uint32_t list) noexcept { return name_in(kLists, list); }

std::string_view audit_action_name(std::uint32_t action) noexcept {
  return action == AUDIT_POSSIBLE ? "possible" : name_in(kActions, action);
}

std::string audit_arch_text(const AuditRule& rule) {
  const auto number = rule.arch();
  if (!number) return {};
  const auto native = native_arch();
  const auto compat = compat_arch();
  if (native && audit_arch_number(*native) == *number) return "b64";
  if (compat && audit_arch_number(*compat) == *number) return "b32";
  const auto known = audit_arch(*number, 0);
  return known ? std::string(name_of(*known)) : fmt::format("0x{:X}", *number);
}

std::string audit_syscalls_text(const AuditRule& rule) {
  if (rule.list != AUDIT_FILTER_EXIT) return {};
  if (rule.has_all_syscalls()) return "all";
  const auto number = rule.arch();
  const auto arch = number ? audit_arch(*number, 0) : native_arch();
  std::string text;
  for (std::uint32_t call = 0; call < kAuditSyscallWords * 32; ++call) {
    if (!rule.has_syscall(call)) continue;
    if (!text.empty()) text += ',';
    const auto name = arch ? syscall_name(*arch, call) : std::string_view();
    text += name.empty() ? std::to_string(call) : std::string(name);
  }
  return text;
}

std::string audit_permissions_text(std::uint32_t permissions) {
  std::string text;
  for (const auto& [letter, bit] : kPermissions)
    if (permissions & bit) text += letter;
  return text;
}

std::string audit_field_text(const AuditField& field) {
  const auto op = name_in(kOperators, field.op);
  if (field.field == AUDIT_FIELD_COMPARE) {
    const auto found = std::ranges::find(kComparisons, field.value, &Comparison::value);
    return found == std::end(kComparisons) ? fmt::format("field_compare{}{}", op, field.value)
                                           : fmt::format("{}{}{}", found->left, op, found->right);
  }
  const auto* kind = kind_numbered(field.field);
  if (!kind) return fmt::format("f{}{}{}", field.field, op, field.value);
  const auto said = [&](std::string_view value) { return fmt::format("{}{}{}", kind->name, op, value); };
  switch (kind->shape) {
    case Shape::text: {
      auto text = field.text;
      std::ranges::replace(text, kKeySeparator, ',');
      return said(text);
    }
    case Shape::hexadecimal:
      return said(fmt::format("0x{:X}", field.value));
    case Shape::user:
    case Shape::group:
      return said(field.value == UINT32_MAX ? "-1" : std::to_string(field.value));
    case Shape::exit: {
      const auto value = static_cast<std::int32_t>(field.value);
      const auto name = value < 0 ? name_in(kErrors, 0 - field.value) : std::string_view();
      return said(name.empty() ? std::to_string(value) : fmt::format("-{}", name));
    }
    case Shape::arch: {
      AuditRule rule;
      rule.add(AUDIT_ARCH, AUDIT_EQUAL, field.value);
      return said(audit_arch_text(rule));
    }
    case Shape::record_type: {
      const auto name = record_type_name(static_cast<std::uint16_t>(field.value));
      return said(name.empty() || field.value > UINT16_MAX ? std::to_string(field.value) : std::string(name));
    }
    case Shape::permissions:
      return said(audit_permissions_text(field.value));
    case Shape::file_type:
    case Shape::filesystem: {
      const auto name = kind->shape == Shape::file_type ? name_in(kFileTypes, field.value & S_IFMT)
                                                        : name_in(kFilesystems, field.value);
      return said(name.empty() ? fmt::format("0x{:X}", field.value) : std::string(name));
    }
    case Shape::number:
    case Shape::comparison:
      break;
  }
  return said(field.value == UINT32_MAX ? "-1" : std::to_string(field.value));
}

std::string text_of(const AuditRule& rule) {
  std::string text;
  if (is_watch(rule)) {
    const auto* place = rule.find(AUDIT_WATCH) ? rule.find(AUDIT_WATCH) : rule.find(AUDIT_DIR);
    text = fmt::format("-w {} -p {}", place->text, audit_permissions_text(rule.find(AUDIT_PERM)->value));
    for (const auto key : rule.keys()) text += fmt::format(" -k {}", key);
    return text;
  }
  text = fmt::format("{} {},{}", rule.first ? "-A" : "-a", audit_action_name(rule.action), audit_list_name(rule.list));
  if (const auto* arch = rule.find(AUDIT_ARCH)) text += fmt::format(" -F {}", audit_field_text(*arch));
  if (const auto calls = audit_syscalls_text(rule); !calls.empty()) text += fmt::format(" -S {}", calls);
  for (const auto& field : rule.fields) {
    if (field.field == AUDIT_ARCH) continue;
    if (field.field == AUDIT_FILTERKEY) {
      for (const auto key : split(field.text, kKeySeparator)) text += fmt::format(" -F key={}", key);
      continue;
    }
    text += fmt::format(" {} {}", field.field == AUDIT_FIELD_COMPARE ? "-C" : "-F", audit_field_text(field));
  }
  return text;
}

std::string encode(const AuditRule& rule) {
  audit_rule_data data{};
  data.flags = rule.list | (rule.first ? AUDIT_FILTER_PREPEND : 0);
  data.action = rule.action;
  std::ranges::copy(rule.syscalls, data.mask);
  std::string texts;
  for (const auto& field : rule.fields) {
    if (data.field_count == kMostAuditFields) break;
    const auto place = data.field_count++;
    data.fields[place] = field.field;
    data.fieldflags[place] = field.op;
    data.values[place] = field.text.empty() ? field.value : static_cast<std::uint32_t>(field.text.size());
    texts += field.text;
  }
  data.buflen = static_cast<std::uint32_t>(texts.size());
  std::string bytes(reinterpret_cast<const char*>(&data), sizeof data);
  return bytes + texts;
}

std::optional<AuditRule> decode_audit_rule(std::string_view body) {
  audit_rule_data data{};
  if (body.size() < sizeof data) return std::nullopt;
  std::memcpy(&data, body.data(), sizeof data);
  auto texts = body.substr(sizeof data);
  if (data.field_count > kMostAuditFields || data.buflen > texts.size()) return std::nullopt;
  texts = texts.substr(0, data.buflen);
  AuditRule rule;
  rule.list = data.flags & ~static_cast<std::uint32_t>(AUDIT_FILTER_PREPEND);
  rule.action = data.action;
  std::ranges::copy(data.mask, rule.syscalls.begin());
  for (std::uint32_t i = 0; i < data.field_count; ++i) {
    AuditField field{data.fields[i], data.fieldflags[i], data.values[i], {}};
    const auto* kind = kind_numbered(field.field);
    if (kind && kind->shape == Shape::text) {
      if (field.value > texts.size()) return std::nullopt;
      field.text = texts.substr(0, field.value);
      texts.remove_prefix(field.value);
    }
    rule.fields.push_back(std::move(field));
  }
  return rule;
}

AuditRule titles_rule() {
  AuditRule rule;
  rule.list = AUDIT_FILTER_EXCLUDE;
  rule.action = AUDIT_ALWAYS;
  rule.add(AUDIT_MSGTYPE, AUDIT_EQUAL, AUDIT_PROCTITLE);
  rule.add(AUDIT_PID, AUDIT_NOT_EQUAL, INT32_MAX);
  return rule;
}

bool is_set_by(const AuditRule& rule, std::string_view key) {
  const auto keys = rule.keys();
  return (!keys.empty() && keys.front() == key) || rule == titles_rule();
}

}  // namespace osprey::linux
