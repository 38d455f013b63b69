/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What a drop leaves behind: counters, and now and then an event. */
#ifndef HEDGEROW_DROP_H
#define HEDGEROW_DROP_H

#include "packet.h"

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

#endif
