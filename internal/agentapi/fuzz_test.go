package agentapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// answering is a transport whose server always says the same.
type answering struct {
	status int
	body   []byte
}

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Status: fmt.Sprint(a.status, " ", http.StatusText(a.status)), Body: io.NopCloser(bytes.NewReader(a.body)), Header: http.Header{}}, nil
}

// FuzzAnswers: whatever answers on the socket, a refusal is an *Error with words and a code, and what is no answer is an error that says so.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", "[]", "{", `{"error":"the agent does not know the cluster yet","code":"not-ready"}`, `{"error":"","code":""}`, `{"error":1}`, "<html>",
		`{"node":"n","ready":true,"problems":["x"],"attachments":3}`, `{"containerID":"c","podInterface":"eth0","addresses":["10.0.0.1"]}`,
		`[{"containerID":"c","addresses":[""]}]`, `{"packet":{"Source":"10.0.0.1","Reason":1},"source":"a/b"}` + "\n" + `{"reason":"x"}`, `{"time":"never"}`, `{}{`,
	} {
		f.Add(uint16(200), []byte(body))
		f.Add(uint16(503), []byte(body))
	}
	f.Fuzz(func(t *testing.T, status uint16, body []byte) {
		code := 200 + int(status)%400
		c := &Client{http: &http.Client{Transport: answering{code, body}}, path: "agent.sock"}
		ctx := context.Background()
		denials := 0
		_, one := c.Attachment(ctx, "c", "eth0")
		_, all := c.Attachments(ctx)
		_, state := c.Status(ctx)
		told := c.Denials(ctx, false, func(Denial) error { denials++; return nil })
		for asked, err := range map[string]error{
			"attach": c.Attach(ctx, &Attachment{ContainerID: "c", PodInterface: "eth0"}), "detach": c.Detach(ctx, "c", "eth0"),
			"attachment": one, "attachments": all, "status": state, "denials": told,
		} {
			checkAnswer(t, asked, code, err)
		}
		if code >= 300 && denials > 0 {
			t.Errorf("%d denials in a refusal", denials)
		}
	})
}

func checkAnswer(t *testing.T, asked string, code int, err error) {
	t.Helper()
	var refused *Error
	isRefusal := errors.As(err, &refused)
	switch {
	case code >= 300 && err == nil:
		t.Errorf("%s: status %d is a success", asked, code)
	case code >= 400 && !isRefusal:
		t.Errorf("%s: a refusal became %v", asked, err)
	case isRefusal && (refused.Message == "" || refused.Code == ""):
		t.Errorf("%s: a refusal without words or code: %+v", asked, refused)
	case code < 300 && err != nil && !strings.HasPrefix(err.Error(), "decode the agent's answer: ") && !strings.HasPrefix(err.Error(), "read denials: "):
		t.Errorf("%s: %v does not say what failed", asked, err)
	}
}
