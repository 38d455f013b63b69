// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The packet path. One program of type netfilter at forward, input and output of a node, for IPv4 and IPv6. It judges every packet,
 * also those of established connections, as the flow that the packet belongs to. Tables and their meaning are in
 * internal/datapath/datapath.go; the reasons for each step in docs/architecture.md.
 *
 * The program only reads the tables (besides counters and events). It never lets a packet pass because something was missing.
 */
#include "kernel.h"

/* datapath.go: reserved groups. */
enum { GROUP_ANY = 0, GROUP_UNKNOWN = 1, GROUP_WORLD = 2, GROUP_NODE = 3, GROUP_LOCAL_UNKNOWN = 4, GROUP_BLOCKED = 5 };

/* datapath.go: the index of an address that is this node's own. It is no place in the profiles table. */
#define NODE_INDEX 65535

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
	__u64 word; /* ingress id (28 bits), egress id << 28, PROFILE_VALID; a word of 0 is no profile */
	__u32 interface;
	__u32 pad;
};

#define PROFILE_VALID (1ULL << 63)

struct verdict_key {
	__u32 profile;
	__u32 group;
	__u16 port;
	__u8 protocol;
	__u8 pad;
};

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

/* One end of a packet or flow, as the tables know it. */
struct end {
	struct address address;
	__u32 group;
	__u32 index;     /* of a local pod, or 0 */
	__u32 node;      /* an address of this node itself, whatever its group */
	__u32 interface; /* of a local pod */
	__u32 ingress;   /* profile ids; 0: not isolated */
	__u32 egress;
	__u32 pod;       /* the address has an endpoint of its own and is not the node's */
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
	__u8 type;     /* of an ICMP or ICMPv6 message */
	__u8 unparsed; /* transport or ports could not be read */
	__u8 fragment; /* not the first one: no ports */
	__u8 ipv6;
	struct flow flow;
	struct judgement judgement;
};

static __always_inline __u64 fold(__u32 x)
{
	x *= 0x9e3779b1;
	return x >> 16;
}

static __always_inline __u64 address_tag(const struct address *a)
{
	return fold(a->word[0] ^ (a->word[1] * 3) ^ (a->word[2] * 5) ^ (a->word[3] * 7));
}

static __always_inline __u64 verdict_tag(const struct verdict_key *k)
{
	return fold(k->profile ^ (k->group * 3) ^ ((((__u32)k->protocol << 16) | k->port) * 5));
}

static __always_inline __u64 read_once(const __u64 *p)
{
	return *(const volatile __u64 *)p;
}

/*
 * Reads an endpoint's word. 1: found, 0: no entry, -1: the element was another key's twice in a row (a hash element may be
 * reused under a reader).
 */
static __always_inline int endpoint_word(const struct address *a, __u64 *word)
{
	for (int i = 0; i < 2; i++) {
		__u64 *v = bpf_map_lookup_elem(&endpoints, a);
		if (!v)
			return 0;
		*word = read_once(v);
		if (*word >> 48 == address_tag(a))
			return 1;
	}
	return -1;
}

static __always_inline __u32 network_group(const struct address *a)
{
	struct network_key key = { .prefix = 128, .address = *a };
	__u32 *group = bpf_map_lookup_elem(&networks, &key);
	return group ? *group : GROUP_WORLD;
}

/*
 * Fills in what the tables know of e->address. Always leaves a group that is closed when in doubt. A global function, so that the
 * verifier walks it once and not once per path.
 */
__noinline int load_end(struct end *e)
{
	__u64 word = 0;
	int found;

	if (!e)
		return 0;
	e->index = e->node = e->interface = e->ingress = e->egress = e->pod = 0;
	found = endpoint_word(&e->address, &word);
	if (found == 0) {
		e->group = network_group(&e->address);
		if (e->group != GROUP_WORLD)
			return 0;
		/* A present key may be missed while its bucket changes: ask again before calling an address foreign. */
		found = endpoint_word(&e->address, &word);
		if (found == 0)
			return 0;
	}
	if (found < 0) {
		e->group = GROUP_BLOCKED;
		return 0;
	}
	e->group = (__u32)word;
	e->index = (word >> 32) & 0xffff;
	if (e->index == NODE_INDEX || e->group == GROUP_NODE) {
		e->node = 1;
		e->index = 0;
		return 0;
	}
	e->pod = 1;
	if (e->index) {
		struct profile *p = bpf_map_lookup_elem(&profiles, &e->index);
		/* A cleared profile, because the pod is going or not quite there, must not look like one without isolation. */
		word = p ? read_once(&p->word) : 0;
		if (!p || !(word & PROFILE_VALID)) {
			e->group = GROUP_BLOCKED;
			return 0;
		}
		e->ingress = word & 0xfffffff;
		e->egress = (word >> 28) & 0xfffffff;
		e->interface = p->interface;
	}
	return 0;
}

static __always_inline void set_ipv4(struct address *a, __be32 ip)
{
	a->word[0] = a->word[1] = 0;
	a->word[2] = 0xffff0000;
	a->word[3] = ip;
}

/* Reads ports, or the type of an ICMP message. */
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

/* Counts a packet and tells whether this is the time to send an event about it. */
static __always_inline int count(struct counter *c, __u32 bytes)
{
	__u64 now;

	if (!c)
		return 0;
	c->packets++;
	c->bytes += bytes;
	now = bpf_ktime_get_ns();
	if (now - c->told < EVENT_INTERVAL_NS)
		return 0;
	c->told = now;
	return 1;
}

static __always_inline void tell(const struct packet *p)
{
	const struct flow *f = &p->flow;
	struct event *e;

	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return;
	e->source = p->ends[f->client % ENDS].address;
	e->destination = p->ends[f->server % ENDS].address;
	e->source_port = f->client_port;
	e->destination_port = f->server_port;
	e->protocol = f->protocol;
	e->reason = p->judgement.reason;
	e->egress = p->judgement.egress;
	e->reply = f->reply;
	e->rule = p->judgement.rule;
	e->pad = 0;
	bpf_ringbuf_submit(e, 0);
}

static __always_inline int drop(const struct packet *p)
{
	__u32 reason = p->judgement.reason, rule = p->judgement.rule;
	int due = count(bpf_map_lookup_elem(&reasons, &reason), p->bytes);

	if (reason == REASON_RULE) {
		/* A rule beyond the table shares its reason's interval with the others. */
		struct counter *c = bpf_map_lookup_elem(&counters, &rule);
		if (c)
			due = count(c, p->bytes);
	}
	if (due)
		tell(p);
	return NF_DROP;
}

/*
 * Looks up one verdict: 1 found, 0 no entry, -1 torn twice. Ids are not reused, so a value whose tag does not fit belongs to
 * another key.
 */
static __always_inline int verdict_word(const struct verdict_key *k, __u64 *word)
{
	for (int i = 0; i < 2; i++) {
		__u64 *v = bpf_map_lookup_elem(&verdicts, k);
		if (!v)
			return 0;
		*word = read_once(v);
		if (*word >> 48 == verdict_tag(k))
			return 1;
	}
	return -1;
}

/* Asks the verdict table in the order of VerdictKey. Returns the word, or 0 (a Deny without rule) when there is none. */
__noinline __u64 find_verdict(__u32 profile, __u32 group, __u32 protocol, __u32 port)
{
	struct verdict_key k = { .profile = profile, .group = group, .port = port, .protocol = protocol };
	__u64 word = 0;
	int found;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP) {
		k.protocol = 0;
		k.port = 0;
	}
	for (int i = 0; i < 2; i++) {
		if (port) {
			found = verdict_word(&k, &word);
			if (found)
				return found > 0 ? word : 0;
			k.port = 0;
		}
		found = verdict_word(&k, &word);
		if (found)
			return found > 0 ? word : 0;
		k.group = GROUP_ANY;
		k.port = k.protocol ? port : 0;
	}
	return 0;
}

/* Accept is 1. Otherwise p->judgement says why not. */
static __always_inline int judge_profile(struct packet *p, __u32 profile, __u32 group, int egress, int counted)
{
	__u64 word = find_verdict(profile, group, p->flow.protocol, p->flow.server_port);
	__u32 rule = (__u32)word;

	if ((word >> 32) & 1) {
		struct counter *c = bpf_map_lookup_elem(&counters, &rule);
		if (c && !counted) {
			c->packets++;
			c->bytes += p->bytes;
		}
		return 1;
	}
	p->judgement.rule = rule;
	p->judgement.reason = word ? REASON_RULE : REASON_NO_VERDICT;
	p->judgement.egress = egress;
	return 0;
}

/*
 * Both the client's egress profile and the server's ingress profile must accept. This node itself reaches every pod. counted: the rules
 * that accept have counted this packet already.
 */
__noinline int judge(struct packet *p, int counted)
{
	struct end *client, *server;
	int from_node;

	if (!p)
		return 0;
	client = &p->ends[p->flow.client % ENDS];
	server = &p->ends[p->flow.server % ENDS];
	from_node = client->node && p->hook != NF_INET_FORWARD;
	if (client->egress && !judge_profile(p, client->egress, server->group, 1, counted))
		return 0;
	if (server->ingress && !from_node && !judge_profile(p, server->ingress, client->group, 0, counted))
		return 0;
	return 1;
}

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

/* Picked up in mid-stream: nobody saw who opened the connection. */
static __always_inline int is_picked_up(struct nf_conn *ct)
{
	__u8 flags = 0;

	bpf_probe_read_kernel(&flags, sizeof(flags), &ct->proto.tcp.seen[0].flags);
	return flags & IP_CT_TCP_FLAG_BE_LIBERAL;
}

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static __always_inline void read_address(struct address *a, const union nf_inet_addr *from, __u16 family)
{
	bpf_probe_read_kernel(a, sizeof(*a), from);
	if (family == NFPROTO_IPV4)
		set_ipv4(a, a->word[0]);
}

static __always_inline int same(const struct address *a, const struct address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
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

/* The source address must be that of the interface's own pod; a local pod's address must come from its interface. */
static __always_inline int is_spoofed(const struct packet *p)
{
	const struct end *source = &p->ends[SOURCE];

	if (p->hook == NF_INET_LOCAL_OUT || !p->in)
		return 0;
	if (source->index)
		return source->interface != p->in;
	if (!bpf_map_lookup_elem(&interfaces, &p->in))
		return 0;
	return !(p->hook == NF_INET_LOCAL_IN && is_discovery(p) && is_link_local_or_unspecified(&source->address));
}

/* An end that is closed whatever the policies say. Returns the reason, or 0. */
static __always_inline int closed(const struct packet *p)
{
	__u32 source = p->ends[SOURCE].group, destination = p->ends[DESTINATION].group;

	if (source == GROUP_BLOCKED || destination == GROUP_BLOCKED)
		return REASON_BLOCKED;
	if (destination == GROUP_LOCAL_UNKNOWN)
		return p->ends[SOURCE].node && p->hook == NF_INET_LOCAL_OUT ? 0 : REASON_UNKNOWN_LOCAL;
	if (source == GROUP_LOCAL_UNKNOWN)
		return p->ends[DESTINATION].node && p->hook == NF_INET_LOCAL_IN ? 0 : REASON_UNKNOWN_LOCAL;
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

/* Judges a packet with connection tracking state as the flow it belongs to, which is left in p->flow. Accept is 1. */
static __always_inline int judge_tracked(struct packet *p)
{
	find_flow(p);
	/* The error of a connection by which a pod reaches itself. */
	if (same(&p->ends[p->flow.client % ENDS].address, &p->ends[p->flow.server % ENDS].address))
		return 1;
	if (!judge(p, 0))
		return 0;
	if (p->flow.protocol != IPPROTO_TCP || !is_picked_up(connection(p)))
		return 1;
	swap(&p->flow);
	if (judge(p, 1))
		return 1;
	p->judgement.reason = REASON_PICKED_UP;
	return 0;
}

/* Looks both ends up and judges the packet. Accept is 1; otherwise p->judgement has the reason and p->flow the flow. */
__noinline int judge_packet(struct packet *p)
{
	if (!p)
		return 0;
	load_end(&p->ends[SOURCE]);
	load_end(&p->ends[DESTINATION]);
	p->flow.client = SOURCE;
	p->flow.server = DESTINATION;
	p->flow.client_port = p->source_port;
	p->flow.server_port = p->destination_port;
	p->flow.protocol = p->protocol;
	p->flow.reply = 0;
	p->judgement.rule = p->judgement.egress = 0;

	p->judgement.reason = is_spoofed(p) ? REASON_SPOOFED : 0;
	if (p->judgement.reason)
		return 0;
	if (p->hook != NF_INET_FORWARD && is_discovery(p))
		return 1;
	p->judgement.reason = closed(p);
	if (p->judgement.reason)
		return 0;
	/* A pod that reaches itself through its Service. */
	if (same(&p->ends[SOURCE].address, &p->ends[DESTINATION].address))
		return 1;
	if (!is_isolated(&p->ends[SOURCE]) && !is_isolated(&p->ends[DESTINATION]))
		return 1;
	if (is_untracked(p))
		p->judgement.reason = REASON_NO_CONNTRACK;
	else if (p->unparsed)
		p->judgement.reason = REASON_MALFORMED;
	else
		return judge_tracked(p);
	return 0;
}

/* A full memory barrier: that is what an atomic that returns a value is (Documentation/bpf/standardization/instruction-set.rst). Returns 0. */
static __always_inline __u64 barrier(void)
{
	__u64 word = 0;

	return __sync_fetch_and_add(&word, 1);
}

/* Reads the generation. Lookups before the call are done before it, and those after the call are not begun before it. */
static __always_inline __u64 current_generation(void)
{
	__u32 zero = 0;
	__u64 fences = barrier();
	__u64 *g = bpf_map_lookup_elem(&generation, &zero);
	__u64 word = g ? read_once(g) : 0;

	fences += barrier();
	return word + fences;
}

/*
 * Judges the packet by one state of the tables. A verdict takes several lookups; when the tables went from one change to the next
 * meanwhile, the lookups may belong to different states, and the packet is judged again. The generation goes up after one change is complete
 * and before the next begins, so a verdict under one generation has seen at most one change in the making, which is harmless.
 */
static __always_inline int judge_stable(struct packet *p)
{
	for (int i = 0; i < 4; i++) {
		__u64 before = current_generation();
		int accept = judge_packet(p);

		if (current_generation() == before)
			return accept;
	}
	p->judgement.reason = REASON_NO_VERDICT;
	return 0;
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

SEC("netfilter")
int hedgerow(struct bpf_nf_ctx *ctx)
{
	struct packet p = { .hook = ctx->state->hook, .bytes = ctx->skb->len, .nfct = ctx->skb->_nfct };

	if (ctx->state->in)
		p.in = ctx->state->in->ifindex;
	if (parse(ctx, &p)) {
		/* Nobody can tell where it goes, so there is no end that could allow it. */
		p.judgement.reason = REASON_MALFORMED;
		p.flow.server = DESTINATION;
		p.flow.protocol = p.protocol;
	} else {
		restore_source(&p);
		if (judge_stable(&p))
			return NF_ACCEPT;
	}
	return drop(&p);
}

/* The kernel asks for GPL compatibility before it lends its helpers; Apache-2.0 is the additional right. */
char __license[] SEC("license") = "GPL and additional rights";
