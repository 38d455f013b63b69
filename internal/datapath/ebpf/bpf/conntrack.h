/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Connection tracking: the flow that a packet belongs to. */
#ifndef HEDGEROW_CONNTRACK_H
#define HEDGEROW_CONNTRACK_H

#include "endpoint.h"

static __always_inline struct nf_conn *connection(const struct packet *p)
{
	return (struct nf_conn *)(p->nfct & ~NFCT_INFOMASK);
}

static __always_inline __u32 connection_info(const struct packet *p)
{
	return p->nfct & NFCT_INFOMASK;
}

/* Conntrack is off for the packet, or found it invalid, or leaves it alone. */
static __always_inline int is_untracked(const struct packet *p)
{
	return !connection(p) || connection_info(p) == IP_CT_UNTRACKED;
}

/*
 * An association begins with INIT, which is alone in its packet. Conntrack also takes up one of which it sees a heartbeat or its acknowledgement
 * first, from whichever end, and forgets that it did when the other end answers.
 */
static __always_inline int is_association_picked_up(const struct packet *p)
{
	enum sctp_conntrack state = 0;

	bpf_probe_read_kernel(&state, sizeof(state), &connection(p)->proto.sctp.state);
	return state == SCTP_CONNTRACK_HEARTBEAT_SENT || (connection_info(p) == IP_CT_NEW && p->type != SCTP_INIT);
}

/* The packet's flow was picked up in mid-stream: nobody saw who opened it. */
static __always_inline int is_picked_up(const struct packet *p)
{
	__u8 flags = 0;

	if (p->flow.protocol == IPPROTO_SCTP)
		return is_association_picked_up(p);
	if (p->flow.protocol != IPPROTO_TCP)
		return 0;
	bpf_probe_read_kernel(&flags, sizeof(flags), &connection(p)->proto.tcp.seen[0].flags);
	return flags & IP_CT_TCP_FLAG_BE_LIBERAL;
}

static __always_inline void read_address(struct address *a, const union nf_inet_addr *from, __u16 family)
{
	bpf_probe_read_kernel(a, sizeof(*a), from);
	if (family == NFPROTO_IPV4)
		set_ipv4(a, a->word[0]);
}

/*
 * The connection that an ICMP error belongs to, as its policies see it: the opener's own address and the address and port that really
 * answer (after Service translation, before masquerade). 0 when the packet's sender is a pod that is no end of that connection: such an error
 * belongs to nobody.
 */
__noinline int connection_of_error(struct packet *p)
{
	__u16 family = 0;
	__be16 client_port = 0, server_port = 0;
	__u8 protocol = 0;
	struct nf_conn *ct;
	struct end *client, *server, *source;

	if (!p)
		return 0;
	ct = connection(p);
	client = &p->ends[CLIENT];
	server = &p->ends[SERVER];
	source = &p->ends[SOURCE];
	bpf_probe_read_kernel(&family, sizeof(family), &ct->tuplehash[0].tuple.src.l3num);
	bpf_probe_read_kernel(&protocol, sizeof(protocol), &ct->tuplehash[0].tuple.dst.protonum);
	bpf_probe_read_kernel(&client_port, sizeof(client_port), &ct->tuplehash[0].tuple.src.u.all);
	bpf_probe_read_kernel(&server_port, sizeof(server_port), &ct->tuplehash[1].tuple.src.u.all);
	read_address(&client->address, &ct->tuplehash[0].tuple.src.u3, family);
	read_address(&server->address, &ct->tuplehash[1].tuple.src.u3, family);
	if (source->pod && !same(&source->address, &client->address) && !same(&source->address, &server->address))
		return 0;
	load_end(client);
	load_end(server);
	p->flow.client = CLIENT;
	p->flow.server = SERVER;
	p->flow.protocol = protocol;
	p->flow.client_port = has_ports(protocol) ? bpf_ntohs(client_port) : 0;
	p->flow.server_port = has_ports(protocol) ? bpf_ntohs(server_port) : 0;
	return 1;
}

/*
 * Source translation at input, also the undoing of a Service's for an answer to the node, has happened before this program's place there.
 * Puts back what came from the interface: the tuple of the packet's direction has it.
 */
__noinline int restore_source(struct packet *p)
{
	const struct nf_conntrack_tuple_hash *sent, *shown;
	struct end *source;
	struct address address = {};
	unsigned long status = 0;
	__u16 family = 0;
	__be16 port = 0;
	struct nf_conn *ct;
	__u32 info;

	if (!p || p->hook != NF_INET_LOCAL_IN || is_untracked(p))
		return 0;
	ct = connection(p);
	info = connection_info(p);
	bpf_probe_read_kernel(&status, sizeof(status), &ct->status);
	if (!(status & IPS_NAT_MASK))
		return 0;
	if (info == IP_CT_ESTABLISHED_REPLY || info == IP_CT_RELATED_REPLY) {
		sent = &ct->tuplehash[1];
		shown = &ct->tuplehash[0];
	} else {
		sent = &ct->tuplehash[0];
		shown = &ct->tuplehash[1];
	}
	bpf_probe_read_kernel(&family, sizeof(family), &ct->tuplehash[0].tuple.src.l3num);
	read_address(&address, &shown->tuple.dst.u3, family);
	source = &p->ends[SOURCE];
	/* An error's own source is translated with its connection, but may be a router's and then stays. */
	if (!same(&address, &source->address))
		return 0;
	read_address(&source->address, &sent->tuple.src.u3, family);
	if (has_ports(p->protocol)) {
		bpf_probe_read_kernel(&port, sizeof(port), &sent->tuple.src.u.all);
		p->source_port = bpf_ntohs(port);
	}
	return 0;
}

/*
 * Whether a packet that conntrack calls a reply still goes between the ends of its connection. Routing headers can have sent it elsewhere
 * since conntrack saw it, and there it answers nothing.
 */
__noinline int is_between_ends(const struct packet *p)
{
	struct address client = {}, server = {};
	__u16 family = 0;
	struct nf_conn *ct;

	if (!p)
		return 0;
	ct = connection(p);
	bpf_probe_read_kernel(&family, sizeof(family), &ct->tuplehash[0].tuple.src.l3num);
	read_address(&client, &ct->tuplehash[0].tuple.src.u3, family);
	read_address(&server, &ct->tuplehash[1].tuple.src.u3, family);
	return same(&p->ends[DESTINATION].address, &client) && same(&p->ends[SOURCE].address, &server);
}

/* Finds the flow that a tracked packet belongs to. */
static __always_inline void find_flow(struct packet *p)
{
	__u32 info = connection_info(p);
	int icmp = p->protocol == (p->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	if ((info == IP_CT_RELATED || info == IP_CT_RELATED_REPLY) && icmp) {
		if (connection_of_error(p))
			p->flow.reply = info == IP_CT_RELATED_REPLY;
		return;
	}
	/*
	 * Other replies that are related are resets by which this node's firewall refuses a connection. Anything else related is judged
	 * as new.
	 */
	if ((info == IP_CT_ESTABLISHED_REPLY || info == IP_CT_RELATED_REPLY) && is_between_ends(p))
		swap(&p->flow);
}

#endif
