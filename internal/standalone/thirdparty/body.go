package thirdparty

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// maxBody is the largest body that is read, in bytes: what the API server itself takes.
const maxBody = 3 << 20

// typeOf is what an object's apiVersion and kind are, going by the path.
type typeOf struct{ apiVersion, kind string }

// body is a request's body that is read, completed and handed on at the first Read.
type body struct {
	original   io.ReadCloser
	completion typeOf

	completed io.Reader // nil before the first Read
	err       error
}

// Read implements io.Reader. Errors are API errors: the handler that reads answers with their Status.
func (b *body) Read(p []byte) (int, error) {
	if b.completed == nil && b.err == nil {
		b.completed, b.err = b.load()
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.completed.Read(p)
}

// Close closes the body that is underneath.
func (b *body) Close() error { return b.original.Close() }

func (b *body) load() (io.Reader, error) {
	data, err := io.ReadAll(io.LimitReader(b.original, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxBody {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("the body is larger than %d bytes", maxBody))
	}
	data, err = complete(data, b.completion)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return bytes.NewReader(data), nil
}

// complete puts apiVersion and kind in front of a JSON object's other fields where it has none. All other bytes stay as they are, so
// whatever else is to be said of them is said by who decodes them.
func complete(data []byte, completion typeOf) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("read the body as JSON: %w; send one JSON object", err)
	}
	if fields == nil {
		return nil, fmt.Errorf("read the body as JSON: it is null; send one JSON object")
	}
	var missing []string
	for _, field := range []struct{ name, value string }{{"apiVersion", completion.apiVersion}, {"kind", completion.kind}} {
		if _, found := fields[field.name]; !found {
			missing = append(missing, fmt.Sprintf("%q:%q", field.name, field.value))
		}
	}
	open := bytes.IndexByte(data, '{') + 1
	var out bytes.Buffer
	out.Write(data[:open])
	for i, text := range missing {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(text)
	}
	if len(missing) > 0 && len(fields) > 0 {
		out.WriteByte(',')
	}
	out.Write(data[open:])
	return out.Bytes(), nil
}
