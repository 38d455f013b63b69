/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Reads headers: addresses, ports and the type of an ICMP message. What it cannot read it says, and guesses nothing. */
#ifndef HEDGEROW_PARSE_H
#define HEDGEROW_PARSE_H

#include "packet.h"

/* Reads ports and the type of a message or chunk. */
static __always_inline void parse_transport(struct packet *p, const struct bpf_dynptr *data)
{
	__be16 ports[2];
	__u8 type;

	if (p->fragment) {
		p->unparsed = 1;
		return;
	}
	switch (p->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		if (bpf_dynptr_read(ports, sizeof(ports), data, p->offset, 0)) {
			p->unparsed = 1;
			return;
		}
		p->source_port = bpf_ntohs(ports[0]);
		p->destination_port = bpf_ntohs(ports[1]);
		/* Without a chunk, conntrack finds it invalid. */
		if (p->protocol == IPPROTO_SCTP && !bpf_dynptr_read(&type, sizeof(type), data, p->offset + SCTP_CHUNK_OFFSET, 0))
			p->type = type;
		return;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (bpf_dynptr_read(&type, sizeof(type), data, p->offset, 0))
			p->unparsed = 1;
		else
			p->type = type;
		return;
	}
}

/*
 * Whether an IPv4 packet carries a source route. The router on the way writes the next address into the packet only after the forward
 * hook, so that its true destination cannot be judged there.
 */
static __noinline int is_source_routed(const struct bpf_dynptr *data, __u32 end)
{
	__u32 at = 20;
	__u8 option[2];

	for (int i = 0; i < 40 && at < end; i++) {
		if (bpf_dynptr_read(option, 1, data, at, 0))
			return 1;
		if (option[0] == IPOPT_END)
			return 0;
		if (option[0] == IPOPT_NOOP) {
			at++;
			continue;
		}
		if (option[0] == IPOPT_LSRR || option[0] == IPOPT_SSRR)
			return 1;
		if (bpf_dynptr_read(option, sizeof(option), data, at, 0) || option[1] < 2)
			return 1;
		at += option[1];
	}
	return 0;
}

static __always_inline int parse_ipv4(struct packet *p, const struct bpf_dynptr *data)
{
	struct {
		__u8 version_length, tos;
		__be16 length, id, fragment;
		__u8 ttl, protocol;
		__be16 check;
		__be32 source, destination;
	} h;

	if (bpf_dynptr_read(&h, sizeof(h), data, 0, 0))
		return -1;
	set_ipv4(&p->ends[SOURCE].address, h.source);
	set_ipv4(&p->ends[DESTINATION].address, h.destination);
	p->protocol = h.protocol;
	p->offset = (h.version_length & 0xf) * 4;
	p->fragment = (bpf_ntohs(h.fragment) & 0x1fff) != 0;
	if (p->hook == NF_INET_FORWARD && p->offset > sizeof(h) && is_source_routed(data, p->offset))
		return -1;
	return 0;
}

/* Walks at most eight extension headers; what hides behind more is not parsed. */
static __always_inline void walk_extensions(struct packet *p, const struct bpf_dynptr *data)
{
	__u8 head[4];

	for (int i = 0; i <= 8; i++) {
		switch (p->protocol) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_AH:
		case IPPROTO_FRAGMENT:
			break;
		default:
			return;
		}
		if (i == 8 || bpf_dynptr_read(head, sizeof(head), data, p->offset, 0))
			break;
		if (p->protocol == IPPROTO_FRAGMENT) {
			if (((head[2] << 8) | head[3]) & 0xfff8) {
				p->fragment = 1;
				p->protocol = head[0];
				return;
			}
			p->offset += 8;
		} else if (p->protocol == IPPROTO_AH) {
			p->offset += ((__u32)head[1] + 2) * 4;
		} else {
			p->offset += ((__u32)head[1] + 1) * 8;
		}
		p->protocol = head[0];
	}
	p->unparsed = 1;
}

/* ::ffff:a.b.c.d never belongs on a wire (RFC 4291, 2.5.5.2), and here it would be taken for an IPv4 address. */
static __always_inline int is_mapped(const struct address *a)
{
	return !a->word[0] && !a->word[1] && a->word[2] == 0xffff0000;
}

static __always_inline int parse_ipv6(struct packet *p, const struct bpf_dynptr *data)
{
	struct {
		__u32 version;
		__be16 length;
		__u8 next, hops;
		struct address source, destination;
	} h;

	if (bpf_dynptr_read(&h, sizeof(h), data, 0, 0))
		return -1;
	p->ends[SOURCE].address = h.source;
	p->ends[DESTINATION].address = h.destination;
	if (is_mapped(&h.source) || is_mapped(&h.destination))
		return -1;
	p->protocol = h.next;
	p->offset = sizeof(h);
	p->ipv6 = 1;
	walk_extensions(p, data);
	return 0;
}

/* Multicast listener and neighbour discovery: ICMPv6 types 130 to 137 and 143. Conntrack leaves them untracked. */
static __always_inline int is_discovery(const struct packet *p)
{
	return p->ipv6 && p->protocol == IPPROTO_ICMPV6 && !p->unparsed &&
	       ((p->type >= 130 && p->type <= 137) || p->type == 143);
}

static __always_inline int is_link_local_or_unspecified(const struct address *a)
{
	if ((a->word[0] & 0x0000c0ff) == 0x000080fe) /* fe80::/10 in network order */
		return 1;
	return !(a->word[0] | a->word[1] | a->word[2] | a->word[3]);
}

static __always_inline int parse(struct bpf_nf_ctx *ctx, struct packet *p)
{
	struct bpf_dynptr data;
	int failed;

	if (bpf_dynptr_from_skb((struct __sk_buff *)ctx->skb, 0, &data))
		return -1;
	failed = ctx->state->pf == NFPROTO_IPV6 ? parse_ipv6(p, &data) : parse_ipv4(p, &data);
	if (failed)
		return -1;
	if (!p->unparsed)
		parse_transport(p, &data);
	return 0;
}

#endif
