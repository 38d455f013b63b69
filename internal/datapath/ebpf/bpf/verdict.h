/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Asks the table of verdicts about a flow. */
#ifndef HEDGEROW_VERDICT_H
#define HEDGEROW_VERDICT_H

#include "endpoint.h"

static __always_inline __u64 verdict_tag(const struct verdict_key *k)
{
	return fold(k->profile ^ (k->group * 3) ^ ((((__u32)k->protocol << 16) | k->port) * 5));
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

/* The same for the smallest block of ports that holds port. k has port 0. */
static __always_inline int range_word(const struct verdict_key *k, __u16 port, __u64 *word)
{
	struct range_key key = {
		.prefix = RANGE_BITS, .profile = k->profile, .group = k->group, .protocol = k->protocol, .port = bpf_htons(port),
	};

	for (int i = 0; i < 2; i++) {
		__u64 *v = bpf_map_lookup_elem(&ranges, &key);
		if (!v)
			return 0;
		*word = read_once(v);
		if (*word >> 48 == verdict_tag(k))
			return 1;
	}
	return -1;
}

/*
 * Asks the tables in the order of VerdictKey. Returns the word, or 0 (a Deny without rule) when there is none. in_ranges: the profile has entries
 * in the table of ranges.
 */
__noinline __u64 find_verdict(__u32 profile, __u32 group, __u32 protocol, __u32 port, __u32 in_ranges)
{
	struct verdict_key k = { .profile = profile, .group = group };
	__u64 word = 0;
	int found;

	if (has_ports(protocol))
		k.protocol = protocol;
	for (int i = 0; i < 2; i++) {
		/* Port 0 is in no range: its exact entry is that of any port. */
		if (k.protocol) {
			k.port = port;
			found = verdict_word(&k, &word);
			if (found)
				return found > 0 ? word : 0;
			k.port = 0;
		}
		if (k.protocol && in_ranges) {
			found = range_word(&k, port, &word);
			if (found)
				return found > 0 ? word : 0;
		}
		found = verdict_word(&k, &word);
		if (found)
			return found > 0 ? word : 0;
		k.group = GROUP_ANY;
	}
	return 0;
}

/* Accept is 1. Otherwise p->judgement says why not. */
static __always_inline int judge_profile(struct packet *p, __u32 profile, __u32 in_ranges, __u32 group, int egress, int counted)
{
	__u64 word = find_verdict(profile, group, p->flow.protocol, p->flow.server_port, in_ranges);
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
	if (client->egress && !judge_profile(p, client->egress, client->egress_ranges, server->group, 1, counted))
		return 0;
	if (server->ingress && !from_node && !judge_profile(p, server->ingress, server->ingress_ranges, client->group, 0, counted))
		return 0;
	return 1;
}

#endif
