// A rule of the kernel's audit system: as a value, as text (auditctl(8)'s) and as bytes (struct audit_rule_data of
// linux/audit.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "linux/audit/names.h"

namespace osprey::linux {

inline constexpr std::size_t kMostAuditFields = 64;        // AUDIT_MAX_FIELDS
inline constexpr std::size_t kAuditSyscallWords = 64;      // AUDIT_BITMASK_SIZE
inline constexpr std::size_t kLongestAuditText = 4 << 10;  // of a field's value: PATH_MAX

struct AuditField {
  std::uint32_t field = 0;  // AUDIT_PID…; of a comparison AUDIT_FIELD_COMPARE
  std::uint32_t op = 0;     // AUDIT_EQUAL…
  std::uint32_t value = 0;  // of a comparison AUDIT_COMPARE_*; of text its length
  std::string text;         // of exe, path, dir, key and the parts of security labels

  bool operator==(const AuditField&) const = default;
};

struct AuditRule {
  std::uint32_t list = 4;    // AUDIT_FILTER_EXIT…
  std::uint32_t action = 2;  // AUDIT_ALWAYS, AUDIT_NEVER
  bool first = false;        // to be put before the rules of its list that are there; the kernel does not tell it
  std::array<std::uint32_t, kAuditSyscallWords> syscalls{};  // a bit each; all set: every call
  std::vector<AuditField> fields;

  bool operator==(const AuditRule&) const = default;

  void add_syscall(std::uint32_t number) noexcept;
  bool has_syscall(std::uint32_t number) const noexcept;
  void all_syscalls() noexcept { syscalls.fill(UINT32_MAX); }
  bool has_all_syscalls() const noexcept;
  // For "success=1" and the like; text goes with its length as value.
  void add(std::uint32_t field, std::uint32_t op, std::uint32_t value) { fields.push_back({field, op, value, {}}); }
  void add(std::uint32_t field, std::uint32_t op, std::string text);

  const AuditField* find(std::uint32_t field) const noexcept;
  // Of its arch= field.
  std::optional<std::uint32_t> arch() const noexcept;
  // A rule may have several, joined by byte 1 in one field.
  std::vector<std::string_view> keys() const;
};

// auditctl(8)'s options of one rule: -a or -A, -F, -S, -C, -k, -w, -p, as a line of audit.rules(7) has them. Values may
// stand in quotes. Refused by name, with the nearest right word: unknown fields, operators, lists, actions, calls; what
// the kernel would refuse for its operator; a 65th field.
Result<AuditRule> parse_audit_rule(std::string_view text);
// The same of its words, quotes taken off: who has options of its own beside takes them out first.
Result<std::vector<std::string>> audit_rule_words(std::string_view text);
Result<AuditRule> parse_audit_rule(std::span<const std::string> words);
// "uid>=1000" as its three parts; the operator is AUDIT_EQUAL…
struct AuditCondition {
  std::string_view left, right;
  std::uint32_t op = 0;
};
Result<AuditCondition> split_audit_condition(std::string_view text);
// Fields that compare with text; the others compare numbers.
bool is_audit_text(std::uint32_t field) noexcept;
// Its parts in auditctl's words: empty for what is not known to us.
std::string_view audit_field_name(std::uint32_t field) noexcept;
std::string_view audit_operator_name(std::uint32_t op) noexcept;
// What auditctl -l would write for it.
std::string text_of(const AuditRule& rule);

// Keeps the kernel from telling command lines as PROCTITLE records. Of the list exclude: with a key it would never hold
// (audit_filter() of kernel/audit.c), so it is known by a condition that always does, a pid that nobody can have.
AuditRule titles_rule();
// Whether `key` is its first, or it is the rule above.
bool is_set_by(const AuditRule& rule, std::string_view key);

// Its parts in the same words. Calls of an architecture that is not known to us are numbers.
std::string_view audit_list_name(std::uint32_t list) noexcept;
std::string_view audit_action_name(std::uint32_t action) noexcept;
std::string audit_arch_text(const AuditRule& rule);      // "b64"; empty without one
std::string audit_syscalls_text(const AuditRule& rule);  // "execve,execveat", "all"; empty for lists without calls
std::string audit_field_text(const AuditField& field);   // "uid>=1000"
std::string audit_permissions_text(std::uint32_t permissions);  // "rwxa"

// The body of AUDIT_ADD_RULE and AUDIT_DEL_RULE.
std::string encode(const AuditRule& rule);
// The body of an answer to AUDIT_LIST_RULES; empty if it is cut short or lies about its lengths.
std::optional<AuditRule> decode_audit_rule(std::string_view body);

}  // namespace osprey::linux
