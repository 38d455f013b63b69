/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What is known of a packet while it is judged, and the flow that it belongs to. */
#ifndef HEDGEROW_PACKET_H
#define HEDGEROW_PACKET_H

#include "tables.h"

/* One end of a packet or flow, as the tables know it. */
struct end {
	struct address address;
	__u32 group;
	__u32 index;     /* of a local pod, or 0 */
	__u32 node;      /* an address of this node itself, whatever its group */
	__u32 interface; /* of a local pod */
	__u32 ingress;   /* profile ids; 0: not isolated */
	__u32 egress;
	__u32 ingress_ranges; /* the profile has entries in the table of ranges */
	__u32 egress_ranges;
	__u32 pod;       /* the address has an endpoint of its own and is no node's */
};

/* Places in packet.ends. The last two are those of the connection that an ICMP error tells of. */
enum { SOURCE = 0, DESTINATION = 1, CLIENT = 2, SERVER = 3, ENDS = 4 };

/* The flow that a packet belongs to: who opened it is the client. */
struct flow {
	__u32 client, server; /* places in packet.ends */
	__u16 client_port, server_port;
	__u8 protocol;
	__u8 reply;
};

/* Why a flow is denied. */
struct judgement {
	__u32 rule;
	__u8 reason;
	__u8 egress;
};

/*
 * What is known of a packet. It holds no pointers, so that functions on it can be global: the verifier walks those once, and
 * others once for every path that leads to them.
 */
struct packet {
	struct end ends[ENDS];
	__u64 nfct;  /* sk_buff._nfct: a pointer to the tracked connection, and enum ip_conntrack_info */
	__u32 in;    /* interface it came from, or 0 */
	__u32 bytes;
	__u32 hook;
	__u32 offset; /* of the transport header */
	__u16 source_port, destination_port;
	__u8 protocol;
	__u8 type;     /* of an ICMP or ICMPv6 message, or of the first SCTP chunk */
	__u8 unparsed; /* transport or ports could not be read */
	__u8 fragment; /* not the first one: no ports */
	__u8 ipv6;
	struct flow flow;
	struct judgement judgement;
};

static __always_inline int is_isolated(const struct end *e)
{
	return (e->ingress | e->egress) != 0;
}

/* The same flow as seen from its other end. */
static __always_inline void swap(struct flow *f)
{
	__u32 end = f->client;
	__u16 port = f->client_port;

	f->client = f->server;
	f->server = end;
	f->client_port = f->server_port;
	f->server_port = port;
	f->reply = !f->reply;
}

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static __always_inline int same(const struct address *a, const struct address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

static __always_inline void set_ipv4(struct address *a, __be32 ip)
{
	a->word[0] = a->word[1] = 0;
	a->word[2] = 0xffff0000;
	a->word[3] = ip;
}

#endif
