/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The part of the kernel's types, helpers and numbers that the program uses. Field offsets are relocated at load time
 * (CO-RE), so only names and kinds of fields matter here, not their places.
 */
#ifndef HEDGEROW_KERNEL_H
#define HEDGEROW_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;

#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __ksym __attribute__((section(".ksyms")))
#define __relocated __attribute__((preserve_access_index))

#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htons(x) __builtin_bswap16(x)

/* Map definitions in BTF form. */
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_RINGBUF = 27,
};

#define BPF_F_NO_PREALLOC 1
#define BPF_F_MMAPABLE 1024

/* Helpers, by their stable numbers (include/uapi/linux/bpf.h). */
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static __u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_probe_read_kernel)(void *dst, __u32 size, const void *from) = (void *)113;
static void *(*bpf_ringbuf_reserve)(void *ring, __u64 size, __u64 flags) = (void *)131;
static void (*bpf_ringbuf_submit)(void *data, __u64 flags) = (void *)132;

struct bpf_dynptr {
	__u64 opaque[2];
} __attribute__((aligned(8)));
static long (*bpf_dynptr_read)(void *dst, __u32 len, const struct bpf_dynptr *src, __u32 offset, __u64 flags) = (void *)201;

/* One field, or the loader takes the prototype below for a different type. */
struct __sk_buff {
	__u32 len;
};
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;

struct net_device {
	int ifindex;
} __relocated;

struct sk_buff {
	unsigned long _nfct;
	unsigned int len;
} __relocated;

struct nf_hook_state {
	__u8 hook;
	__u8 pf;
	struct net_device *in;
} __relocated;

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

/* Connection tracking: only what a verdict needs. The entry is read with bpf_probe_read_kernel, because nf_conntrack may be a module. */
union nf_inet_addr {
	__u32 all[4];
} __relocated;

union nf_conntrack_man_proto {
	__be16 all;
} __relocated;

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	__u16 l3num;
} __relocated;

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
		__u8 protonum;
	} dst;
} __relocated;

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
} __relocated;

struct ip_ct_tcp_state {
	__u8 flags;
} __relocated;

struct ip_ct_tcp {
	struct ip_ct_tcp_state seen[2];
} __relocated;

/* include/uapi/linux/netfilter/nf_conntrack_sctp.h: a heartbeat was the first that was seen. */
enum sctp_conntrack { SCTP_CONNTRACK_HEARTBEAT_SENT = 8 };

struct ip_ct_sctp {
	enum sctp_conntrack state;
} __relocated;

union nf_conntrack_proto {
	struct ip_ct_tcp tcp;
	struct ip_ct_sctp sctp;
} __relocated;

struct nf_conn {
	unsigned long status;
	struct nf_conntrack_tuple_hash tuplehash[2];
	union nf_conntrack_proto proto;
} __relocated;

enum { NF_DROP = 0, NF_ACCEPT = 1 };
enum { NF_INET_LOCAL_IN = 1, NF_INET_FORWARD = 2, NF_INET_LOCAL_OUT = 3 };
enum { NFPROTO_IPV4 = 2, NFPROTO_IPV6 = 10 };

/* enum ip_conntrack_info; the low three bits of sk_buff._nfct. */
enum {
	IP_CT_ESTABLISHED = 0,
	IP_CT_RELATED = 1,
	IP_CT_NEW = 2,
	IP_CT_ESTABLISHED_REPLY = 3,
	IP_CT_RELATED_REPLY = 4,
	IP_CT_UNTRACKED = 7,
};
#define NFCT_INFOMASK 7UL
/* include/uapi/linux/netfilter/nf_conntrack_common.h: the connection's addresses or ports are translated. */
#define IPS_NAT_MASK (1UL << 4 | 1UL << 5)
/* include/uapi/linux/netfilter/nf_conntrack_tcp.h: set on entries that were picked up in mid-stream. */
#define IP_CT_TCP_FLAG_BE_LIBERAL 0x08

enum {
	IPPROTO_HOPOPTS = 0,
	IPPROTO_ICMP = 1,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_ROUTING = 43,
	IPPROTO_FRAGMENT = 44,
	IPPROTO_AH = 51,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_DSTOPTS = 60,
	IPPROTO_SCTP = 132,
};

/* The chunk that opens an SCTP association (RFC 9260, 3.2), and where the first chunk's type is. */
enum { SCTP_INIT = 1, SCTP_CHUNK_OFFSET = 12 };

/* IPv4 options (include/uapi/linux/ip.h). */
enum { IPOPT_END = 0, IPOPT_NOOP = 1, IPOPT_LSRR = 131, IPOPT_SSRR = 137 };

#endif
