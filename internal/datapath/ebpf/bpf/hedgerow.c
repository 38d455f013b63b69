// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The packet path. One program of type netfilter at forward, input and output of a node, for IPv4 and IPv6. It judges every packet,
 * also those of established connections, as the flow that the packet belongs to. Tables and their meaning are in
 * internal/datapath/datapath.go; the reasons for each step in docs/architecture.md.
 *
 * The program only reads the tables (besides counters and events). It never lets a packet pass because something was missing.
 */
#include "closed.h"
#include "conntrack.h"
#include "drop.h"
#include "generation.h"
#include "parse.h"
#include "verdict.h"

/* Judges a packet with connection tracking state as the flow it belongs to, which is left in p->flow. Accept is 1. */
static __always_inline int judge_tracked(struct packet *p)
{
	find_flow(p);
	/* The error of a connection by which a pod reaches itself. */
	if (same(&p->ends[p->flow.client % ENDS].address, &p->ends[p->flow.server % ENDS].address))
		return 1;
	if (!judge(p, 0))
		return 0;
	if (!is_picked_up(p))
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
