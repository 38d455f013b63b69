package policytest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of JUnit's XML that continuous integration systems read.
type suitesXML struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Suites   []suiteXML `xml:"testsuite"`
}

type suiteXML struct {
	Name     string    `xml:"name,attr"`
	Tests    int       `xml:"tests,attr"`
	Failures int       `xml:"failures,attr"`
	File     string    `xml:"file,attr"`
	Cases    []testXML `xml:"testcase"`
}

type testXML struct {
	Name    string      `xml:"name,attr"`
	Class   string      `xml:"classname,attr"`
	File    string      `xml:"file,attr"`
	Line    int         `xml:"line,attr"`
	Failure *failureXML `xml:"failure"`
}

type failureXML struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as JUnit XML: one test suite for each PolicyTest. One without cases has a single failed case that says so, and so has the only
// suite where there is no PolicyTest.
func (r *Report) WriteJUnit(w io.Writer) error {
	all, results := suitesXML{}, r.Tests
	if len(results) == 0 {
		results = []*Result{{Test: &Test{Name: "no test"}}}
	}
	for _, result := range results {
		s := suiteOf(result)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Suites = append(all.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return nil
}

func suiteOf(result *Result) suiteXML {
	t := result.Test
	s := suiteXML{Name: t.Name, File: t.Position.File}
	for i := range result.Cases {
		o := &result.Cases[i]
		c := testXML{Name: o.Case.Name, Class: t.Name, File: o.Case.Position.File, Line: o.Case.Position.Line}
		if !o.Passed() {
			lines := o.reasons()
			c.Failure = &failureXML{Message: lines[0], Text: strings.Join(lines, "\n")}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	if len(s.Cases) == 0 {
		s.Failures++
		s.Cases = []testXML{{
			Name: "has cases", Class: t.Name, File: t.Position.File, Line: t.Position.Line,
			Failure: &failureXML{Message: "there are no cases, so nothing was tested"},
		}}
	}
	s.Tests = len(s.Cases)
	return s
}
