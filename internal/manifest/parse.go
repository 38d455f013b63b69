package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse reads the values of the documents of a file.
func parse(file string, data []byte) ([]*value, error) {
	documents, err := Documents(file, data)
	if err != nil {
		return nil, err
	}
	var all []*value
	for _, n := range documents {
		t := tree{file: file, done: map[*yaml.Node]*value{}, most: maxSize}
		v, err := t.value(n)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Documents returns the documents of a file, which holds YAML or JSON; empty ones are left out. The error is an *Error.
func Documents(file string, data []byte) ([]*yaml.Node, error) {
	if line := invalidLine(data); line > 0 {
		return nil, &Error{Position{file, line}, "the file is not UTF-8 text"}
	}
	if ends := jsonDocuments(data); ends != nil {
		return parseJSON(file, data, ends)
	}
	return parseYAML(file, data, 0)
}

// invalidLine returns the line of the first byte that is not UTF-8; 0: there is none.
func invalidLine(data []byte) int {
	if utf8.Valid(data) {
		return 0
	}
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return line
}

// jsonDocuments returns where each document of a stream of JSON objects ends; nil when it is no such stream.
func jsonDocuments(data []byte) []int {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return nil
	}
	var ends []int
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var document json.RawMessage
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			return ends
		}
		if err != nil {
			return nil // flow style YAML looks alike
		}
		ends = append(ends, int(d.InputOffset()))
	}
}

// parseJSON reads documents that are valid JSON, which YAML contains except for tabs between its parts.
func parseJSON(file string, data []byte, ends []int) ([]*yaml.Node, error) {
	var all []*yaml.Node
	start, line := 0, 0
	for _, end := range ends {
		part := bytes.ReplaceAll(data[start:end], []byte("\t"), []byte(" "))
		documents, err := parseYAML(file, part, line)
		if err != nil {
			return nil, err
		}
		all = append(all, documents...)
		line += bytes.Count(part, []byte("\n"))
		start = end
	}
	return all, nil
}

// parseYAML reads documents that are preceded by this many lines.
func parseYAML(file string, data []byte, before int) ([]*yaml.Node, error) {
	var all []*yaml.Node
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var document yaml.Node
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, syntaxError(Position{file, before + 1}, bytes.Count(data, []byte("\n")), err)
		}
		for _, n := range document.Content { // one, or none
			if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
				continue
			}
			moveDown(n, before)
			all = append(all, n)
		}
	}
}

func moveDown(n *yaml.Node, lines int) {
	if lines == 0 {
		return
	}
	n.Line += lines
	for _, below := range n.Content {
		moveDown(below, lines)
	}
}

var atLine = regexp.MustCompile(`^line (\d+): `)

// lateLine are the starts of messages whose line the parser counts from 0; those of its scanner are counted from 1.
var lateLine = []string{
	"did not find expected key", "did not find expected '-' indicator", "did not find expected node content", "did not find expected <",
	"did not find expected ',' or",
}

// syntaxError gives an error of the parser its position: below first, the beginning of the text, by at most more lines.
func syntaxError(first Position, more int, err error) error {
	line, message := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if found := atLine.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1]) // digits, and too many of them give the first line
		message = strings.TrimPrefix(message, found[0])
		for _, late := range lateLine {
			if strings.HasPrefix(message, late) {
				line++
			}
		}
	}
	first.Line += min(max(line-1, 0), more)
	return &Error{first, "not YAML: " + message}
}
