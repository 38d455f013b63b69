package cni

import (
	"context"
	"errors"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

// retryInterval is the pause before an agent that is not ready is asked again.
const retryInterval = 200 * time.Millisecond

// untilReady repeats the request while the agent says that it is not ready, and ctx lasts.
func untilReady(ctx context.Context, request func(context.Context) error) error {
	for {
		err := request(ctx)
		var e *agentapi.Error
		if !errors.As(err, &e) || e.Code != "not-ready" {
			return err
		}
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
			return err // says more than that time is up
		}
	}
}

// known returns the attachment that the agent has of the owner, or nil.
func (c *command) known(ctx context.Context) (*agentapi.Attachment, error) {
	var a *agentapi.Attachment
	err := untilReady(ctx, func(ctx context.Context) (err error) {
		a, err = c.agent.Attachment(ctx, c.args.ContainerID, c.args.IfName)
		return err
	})
	var e *agentapi.Error
	if errors.As(err, &e) && e.Code == "pod-unknown" {
		return nil, nil
	}
	return a, err
}

// attach announces the pod and waits until its policy is in the kernel.
func (c *command) attach(ctx context.Context, a *agentapi.Attachment) error {
	return untilReady(ctx, func(ctx context.Context) error { return c.agent.Attach(ctx, a) })
}

// detach has the agent close the addresses of an attachment.
func (c *command) detach(container, podInterface string) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.detachTimeout)
	defer cancel()
	return untilReady(ctx, func(ctx context.Context) error { return c.agent.Detach(ctx, container, podInterface) })
}
