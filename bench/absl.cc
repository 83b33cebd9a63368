// SPDX-License-Identifier: MIT
//
// absl.cc - absl::flat_hash_set behind C functions, with the loops inside, so that each look-up is inlined as in a
// C++ program; peers.sh builds it, case_set.c opens it
#include <absl/container/flat_hash_set.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <string>

struct bytes {
	const char *p;
	uint32_t len;
};

extern "C" {

void *peer_u64_new(const uint64_t *keys, size_t n)
{
	auto *s = new absl::flat_hash_set<uint64_t>;

	for (size_t i = 0; i < n; i++)
		s->insert(keys[i]);
	return s;
}

size_t peer_u64_count(void *set, const uint64_t *keys, size_t n)
{
	auto *s = static_cast<absl::flat_hash_set<uint64_t> *>(set);
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += s->contains(keys[i]);
	return found;
}

void *peer_string_new(const bytes *keys, size_t n)
{
	auto *s = new absl::flat_hash_set<std::string>;

	for (size_t i = 0; i < n; i++)
		s->insert(std::string(keys[i].p, keys[i].len));
	return s;
}

size_t peer_string_count(void *set, const bytes *keys, size_t n)
{
	auto *s = static_cast<absl::flat_hash_set<std::string> *>(set);
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += s->contains(absl::string_view(keys[i].p, keys[i].len));
	return found;
}
}
