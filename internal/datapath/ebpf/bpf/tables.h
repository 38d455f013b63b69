/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The tables that the agent writes and those that it reads, with their keys and words. Their meaning is in internal/datapath/datapath.go, their
 * mirrors in Go are words.go, profiles.go, counters.go and events.go of the package around.
 */
#ifndef HEDGEROW_TABLES_H
#define HEDGEROW_TABLES_H

#include "kernel.h"

/* datapath.go: reserved groups. */
enum { GROUP_ANY = 0, GROUP_UNKNOWN = 1, GROUP_WORLD = 2, GROUP_LOCAL_UNKNOWN = 4, GROUP_BLOCKED = 5 };

/* datapath.go: the indices of addresses that are this node's own, and other nodes'. They are no places in the profiles table. */
#define NODE_INDEX 65535
#define OTHER_NODE_INDEX 65534

/* datapath.go: reasons. */
enum {
	REASON_RULE = 1,
	REASON_NO_CONNTRACK = 2,
	REASON_SPOOFED = 3,
	REASON_UNKNOWN_LOCAL = 4,
	REASON_BLOCKED = 5,
	REASON_MALFORMED = 6,
	REASON_NO_VERDICT = 7,
	REASON_PICKED_UP = 8,
	REASONS = 16,
};

struct address {
	__u32 word[4]; /* network order; IPv4 as ::ffff:a.b.c.d */
};

struct network_key {
	__u32 prefix;
	struct address address;
};

struct profile {
	__u64 word; /* ingress id (28 bits), egress id << 28, and the bits below; a word of 0 is no profile */
	__u32 interface;
	__u32 pad;
};

#define PROFILE_INGRESS_RANGES (1ULL << 56)
#define PROFILE_EGRESS_RANGES (1ULL << 57)
#define PROFILE_VALID (1ULL << 63)

struct verdict_key {
	__u32 profile;
	__u32 group;
	__u16 port;
	__u8 protocol;
	__u8 pad;
};

struct range_key {
	__u32 prefix;
	__u32 profile;
	__u32 group;
	__u8 pad;
	__u8 protocol;
	__be16 port; /* network order, so that a block of ports is a prefix */
};

/* Bits of a whole range_key behind its prefix. */
#define RANGE_BITS 96

struct counter {
	__u64 packets;
	__u64 bytes;
	__u64 told; /* when the last event was sent, ns */
};

struct event {
	struct address source, destination;
	__u16 source_port, destination_port;
	__u8 protocol;
	__u8 reason;
	__u8 egress;
	__u8 reply;
	__u32 rule;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, __u64); /* tag << 48 | profile index << 32 | group */
} endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct profile);
} profiles SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network_key);
	__type(value, __u32); /* group */
} networks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1048576);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct verdict_key);
	__type(value, __u64); /* tag << 48 | action << 32 | rule */
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct range_key);
	__type(value, __u64); /* as in verdicts; the tag is that of port 0 */
} ranges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} interfaces SEC(".maps");

/* Goes up between two changes of the tables: see judge_stable. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} generation SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct counter);
} reasons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* At most one event a rule, a reason and a CPU in this time, so that one flood cannot hide another's denials. */
#define EVENT_INTERVAL_NS 10000000ULL

static __always_inline __u64 read_once(const __u64 *p)
{
	return *(const volatile __u64 *)p;
}

#endif
