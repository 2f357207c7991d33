// ScratchFile: a carve's archive on disk, from its making until the server has all of it. It lies beside the store's
// files and counts against the store's cap.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "store/store.h"

namespace osprey::agent {

// Belongs to one thread.
class ScratchFile {
 public:
  // A fresh one; `cap`: bytes it may have, 0: no bound.
  static Result<ScratchFile> create(const std::string& path, std::uint64_t cap, store::Store& store);
  // One of an earlier process, to be read.
  static Result<ScratchFile> open(const std::string& path, store::Store& store);
  // Removes it, if it is there.
  static void remove(const std::string& path, store::Store& store);

  Result<void> append(std::string_view bytes);
  // All is there. Returns its SHA-256 in hexadecimal.
  Result<std::string> finish();

  std::uint64_t size() const noexcept { return size_; }
  // At most that many bytes from `offset`.
  Result<std::string> read(std::uint64_t offset, std::size_t count) const;

 private:
  struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
  };
  ScratchFile(std::string path, UniqueFd fd, store::Store& store)
      : path_(std::move(path)), fd_(std::move(fd)), store_(&store) {}
  Result<void> flush();

  std::string path_;
  UniqueFd fd_;
  store::Store* store_;
  std::unique_ptr<EVP_MD_CTX, FreeDigest> digest_;
  std::uint64_t cap_ = 0;
  std::uint64_t size_ = 0;  // on disk and in the buffer
  std::string buffer_;
};

}  // namespace osprey::agent
