#include "agent/flags/command_line.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "agent/config/file_safety.h"
#include "base/root.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

constexpr int kMostFlagFiles = 32;  // a flag file may name others, itself among them

const FlagDeclaration* find_by_any_name(std::string_view name) {
  const auto plain = [](std::string_view wanted) -> const FlagDeclaration* {
    if (const auto* flag = find_flag(wanted)) return flag;
    const auto alias = std::ranges::find(kFlagAliases, wanted, &FlagAlias::alias);
    return alias == kFlagAliases.end() ? nullptr : find_flag(alias->name);
  };
  if (const auto* flag = plain(name)) return flag;
  std::string underscored(name);
  std::ranges::replace(underscored, '-', '_');
  return plain(underscored);
}

std::string nearest_flag(std::string_view name) {
  constexpr std::size_t kLongest = 64;  // what is longer is no flag misspelt
  if (name.size() > kLongest) return {};
  std::vector<std::string_view> names;
  for (const auto& flag : kFlags)
    if (flag.kind != FlagKind::unlisted) names.push_back(flag.name);
  const auto found = nearest(name, names);
  return found ? fmt::format("did you mean --{}?", *found) : std::string();
}

class Reader {
 public:
  Reader(std::string_view program, const CommandLineSources& sources, Flags& flags, CommandLine& result)
      : program_(program), sources_(sources), flags_(flags), result_(result) {}

  void arguments(std::span<const char* const> arguments) {
    bool ended = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string_view argument = arguments[i];
      if (ended || argument.size() < 2 || argument.front() != '-') {
        result_.positional.emplace_back(argument);
      } else if (argument == "--") {
        ended = true;
      } else if (one(argument, i + 1 < arguments.size() ? arguments[i + 1] : nullptr)) {
        ++i;
      }
    }
    finish();
  }

  // Lines that begin with neither a dash nor # name the programs that the lines after them are for.
  void file(std::string_view text) {
    bool for_us = true;
    bool names_before = false;
    for (auto line : Lines(text)) {
      line = trim_left(line);
      if (line.empty() || line.front() == '#') continue;
      if (line.front() != '-') {
        if (!names_before) for_us = false;
        names_before = true;
        for (const auto pattern : fields(line))
          for_us = for_us || ::fnmatch(std::string(pattern).c_str(), std::string(program_).c_str(), 0) == 0;
        continue;
      }
      names_before = false;
      if (!for_us) continue;
      line.remove_prefix(line.starts_with("--") ? 2 : 1);
      file_line(line);
    }
  }

  // Reports what may not stay unknown.
  void finish() {
    const auto forgiven = flags_.text("undefok");
    const auto listed = split(forgiven, ',');
    for (auto& entry : faults_) {
      const std::string& name = entry.first;
      auto& fault = entry.second;
      const auto is = [&](std::string_view one) { return one == name || fmt::format("no{}", one) == name; };
      if (fault.message.starts_with("unknown") && std::ranges::any_of(listed, is)) continue;
      result_.faults.push_back(std::move(fault));
    }
    faults_.clear();
  }

 private:
  // Takes one flag; true if `next` was its value.
  bool one(std::string_view argument, const char* next) {
    argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
    const auto equals = argument.find('=');
    const auto name = argument.substr(0, equals);
    const auto given = equals == argument.npos ? std::nullopt : std::optional(argument.substr(equals + 1));

    const auto* flag = find_by_any_name(name);
    if (!flag && name.starts_with("no")) {
      flag = find_by_any_name(name.substr(2));
      if (flag && flag->type == FlagType::boolean) {
        set(*flag, "false");
        return false;
      }
      if (flag) {
        fault(name, fmt::format("boolean value ({}) specified for {} command line flag", name, type_name(flag->type)));
        return false;
      }
    }
    if (!flag) {
      fault(name, fmt::format("unknown command line flag '{}'", name), nearest_flag(name));
      return false;
    }
    if (given) {
      set(*flag, *given);
      return false;
    }
    if (flag->type == FlagType::boolean) {
      set(*flag, "true");
      return false;
    }
    if (!next) {
      fault(name, fmt::format("flag '--{}' is missing its argument", name));
      return false;
    }
    set(*flag, next);
    return true;
  }

  void file_line(std::string_view line) {
    const auto equals = line.find('=');
    const auto name = line.substr(0, equals);
    const auto* flag = find_by_any_name(name);
    if (flag && equals != line.npos) {
      set(*flag, line.substr(equals + 1));
    } else if (flag && flag->type == FlagType::boolean) {
      set(*flag, "true");
    } else if (!flag && name.starts_with("no")) {
      flag = find_by_any_name(name.substr(2));
      if (flag && flag->type == FlagType::boolean) set(*flag, "false");
    }
  }

  void set(const FlagDeclaration& flag, std::string_view text) {
    if (!flags_.set(flag, text)) {
      fault(flag.name,
            fmt::format("illegal value '{}' specified for {} flag '{}'", text, type_name(flag.type), flag.name));
      return;
    }
    if (flag.name == "flagfile") read_files(text);
    if (flag.name == "fromenv") read_environment(text, true);
    if (flag.name == "tryfromenv") read_environment(text, false);
  }

  void read_files(std::string_view paths) {
    for (const auto path : split(paths, ',')) {
      if (path.empty() || files_read_ == kMostFlagFiles) continue;
      ++files_read_;
      const auto text = sources_.read_file(std::string(path));
      if (text)
        file(*text);
      else
        faults_.try_emplace("flagfile", CommandLine::Fault{{}, text.error().text(), {}});
    }
  }

  void read_environment(std::string_view names, bool must_exist) {
    for (const auto name : split(names, ',')) {
      if (name.empty()) continue;
      const auto* flag = find_by_any_name(name);
      if (!flag) {
        fault(name, fmt::format("unknown command line flag '{}' (via --fromenv or --tryfromenv)", name));
        continue;
      }
      const auto variable = fmt::format("FLAGS_{}", name);
      const auto value = sources_.environment(variable);
      if (value)
        set(*flag, *value);
      else if (must_exist)
        fault(name, fmt::format("{} not found in environment", variable));
    }
  }

  void fault(std::string_view flag, std::string message, std::string hint = {}) {
    faults_.try_emplace(std::string(flag), CommandLine::Fault{std::string(flag), std::move(message), std::move(hint)});
  }

  std::string_view program_;
  const CommandLineSources& sources_;
  Flags& flags_;
  CommandLine& result_;
  std::map<std::string, CommandLine::Fault> faults_;
  int files_read_ = 0;
};

}  // namespace

CommandLineSources host_sources(bool safe) {
  return {
      .read_file = [safe](const std::string& path) -> Result<std::string> {
        // The path is this process's own business, so it may be relative, and a pipe such as <(…).
        UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file) return system_failure(path);
        struct stat about{};
        if (safe && ::fstat(file.get(), &about) == 0 && S_ISREG(about.st_mode))
          TRY(check_unwritable_by_others(file.get(), path));
        return std::move(TRY(read_all(file.get(), Root::kTextCap, path)).bytes);
      },
      .environment = [](const std::string& variable) -> std::optional<std::string> {
        const char* value = std::getenv(variable.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
      },
  };
}

CommandLine read_command_line(std::span<const char* const> arguments, std::string_view program,
                              const CommandLineSources& sources, Flags& flags) {
  CommandLine result;
  Reader(program, sources, flags, result).arguments(arguments);
  return result;
}

void read_flag_file(std::string_view text, std::string_view program, const CommandLineSources& sources, Flags& flags,
                    CommandLine& result) {
  Reader reader(program, sources, flags, result);
  reader.file(text);
  reader.finish();
}

}  // namespace osprey::agent
