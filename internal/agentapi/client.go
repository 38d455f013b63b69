package agentapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// Client talks to one agent. It is safe for concurrent use.
type Client struct {
	http *http.Client
	path string
}

// NewClient returns a client for the agent that listens on the unix socket at path. It does not connect yet.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Attach announces an attachment and returns when the pod's policy is in the kernel. Repeating it is harmless. An *Error
// says why the agent refused.
func (c *Client) Attach(ctx context.Context, a *Attachment) error {
	return c.do(ctx, http.MethodPut, attachmentPath(a.ContainerID, a.PodInterface), a, nil)
}

// Detach withdraws an attachment; its addresses are closed when it returns. Withdrawing one that is not there is a success.
func (c *Client) Detach(ctx context.Context, containerID, podInterface string) error {
	return c.do(ctx, http.MethodDelete, attachmentPath(containerID, podInterface), nil, nil)
}

// Attachment returns one attachment, or an *Error with code "pod-unknown".
func (c *Client) Attachment(ctx context.Context, containerID, podInterface string) (*Attachment, error) {
	var a Attachment
	return &a, c.do(ctx, http.MethodGet, attachmentPath(containerID, podInterface), nil, &a)
}

// Attachments lists all attachments of the node.
func (c *Client) Attachments(ctx context.Context) ([]Attachment, error) {
	var list []Attachment
	err := c.do(ctx, http.MethodGet, AttachmentsPath, nil, &list)
	return list, err
}

// Status asks for the agent's state.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	var s Status
	return &s, c.do(ctx, http.MethodGet, StatusPath, nil, &s)
}

// Denials calls f for every denial kept by the agent and, with follow, for those to come until ctx ends or f returns an error.
func (c *Client) Denials(ctx context.Context, follow bool, f func(Denial) error) error {
	path := DenialsPath
	if follow {
		path += "?follow=true"
	}
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var d Denial
		if err := dec.Decode(&d); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read denials: %w", err)
		}
		if err := f(d); err != nil {
			return err
		}
	}
}

func attachmentPath(containerID, podInterface string) string {
	return AttachmentsPath + "/" + url.PathEscape(containerID) + "/" + url.PathEscape(podInterface)
}

// do sends one request and decodes the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request to the agent: %w", err)
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("decode the agent's answer: %w", err)
	}
	return nil
}

// send returns a successful response, or the agent's *Error.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the agent at %s: %w (is hedgerow-agent running on this node?)", c.path, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	e := &Error{Code: "internal"}
	if err := json.NewDecoder(resp.Body).Decode(e); err != nil || e.Message == "" || e.Code == "" {
		// It is not the agent that answers, or not one of ours.
		e = &Error{Code: "internal", Message: "the answer is " + resp.Status}
	}
	return nil, e
}
