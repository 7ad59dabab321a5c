package api

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// specification is what the page and the tests want of an OpenAPI description.
type specification struct {
	Info struct {
		Title, Summary, Description string
	}
	Tags []struct {
		Name, Description string
	}
	Paths      map[string]pathItem
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Headers    map[string]header
		Schemas    map[string]schema
	}
}

type pathItem struct {
	Parameters                    []parameter
	Get, Post, Put, Patch, Delete *operation
}

type operation struct {
	OperationID          string `yaml:"operationId"`
	Tags                 []string
	Summary, Description string
	Parameters           []parameter
	RequestBody          *struct {
		Content map[string]media
	} `yaml:"requestBody"`
	Responses map[string]response

	Method, Path string      `yaml:"-"`
	All          []parameter `yaml:"-"` // with those of the path
}

type parameter struct {
	Ref         string `yaml:"$ref"`
	Name, In    string
	Required    bool
	Description string
	Schema      schema
}

type response struct {
	Ref         string `yaml:"$ref"`
	Description string
	Headers     map[string]header
	Content     map[string]media
}

type header struct {
	Ref         string `yaml:"$ref"`
	Description string
}

type media struct{ Schema schema }

type schema struct {
	Ref         string `yaml:"$ref"`
	Type        any    // a name, or a list of them
	Format      string
	Description string
	Enum        []any
	Required    []string
	Properties  map[string]schema
	Items       *schema
	OneOf       []schema `yaml:"oneOf"`
	AllOf       []schema `yaml:"allOf"`
	Default     any
	Minimum     *int64
	Maximum     *int64
	Examples    []any
	Additional  any  `yaml:"additionalProperties"`
	ReadOnly    bool `yaml:"readOnly"`
	MinItems    int  `yaml:"minItems"`
	MaxItems    int  `yaml:"maxItems"`
}

// parseDescription reads openapi.yaml and resolves its references but those to
// schemas.
func parseDescription(text []byte) (*specification, error) {
	s := new(specification)
	if err := yaml.Unmarshal(text, s); err != nil {
		return nil, err
	}
	for _, o := range s.Operations() {
		for i := range o.All {
			if err := resolve(&o.All[i], o.All[i].Ref, s.Components.Parameters); err != nil {
				return nil, fmt.Errorf("%s: %w", o.OperationID, err)
			}
		}
		for status, r := range o.Responses {
			if err := resolve(&r, r.Ref, s.Components.Responses); err != nil {
				return nil, fmt.Errorf("%s: %w", o.OperationID, err)
			}
			o.Responses[status] = r
		}
	}
	return s, nil
}

func resolve[T any](to *T, ref string, from map[string]T) error {
	if ref == "" {
		return nil
	}
	v, ok := from[path.Base(ref)]
	if !ok {
		return fmt.Errorf("there is no %s", ref)
	}
	*to = v
	return nil
}

// Operations lists all operations, by path.
func (s *specification) Operations() []*operation {
	var all []*operation
	for _, p := range slices.Sorted(maps.Keys(s.Paths)) {
		item := s.Paths[p]
		for _, m := range []struct {
			method string
			o      *operation
		}{{get, item.Get}, {post, item.Post}, {put, item.Put}, {patch, item.Patch}, {del, item.Delete}} {
			if m.o == nil {
				continue
			}
			if m.o.Method == "" {
				m.o.Method, m.o.Path = m.method, p
				m.o.All = append(slices.Clone(item.Parameters), m.o.Parameters...)
			}
			all = append(all, m.o)
		}
	}
	return all
}

// Tagged lists the operations of a tag.
func (s *specification) Tagged(tag string) (all []*operation) {
	for _, o := range s.Operations() {
		if slices.Contains(o.Tags, tag) {
			all = append(all, o)
		}
	}
	return all
}

// Body is the schema of the body that an operation wants, "" if it wants none.
func (o *operation) Body() string {
	if o.RequestBody == nil {
		return ""
	}
	return path.Base(o.RequestBody.Content["application/json"].Schema.Ref)
}

// Schema is the name of the schema of an answer, "" if it is empty.
func (r response) Schema() string {
	if ref := r.Content["application/json"].Schema.Ref; ref != "" {
		return path.Base(ref)
	}
	return ""
}

// Kind says in a few words what a value may be.
func (s schema) Kind() string {
	words := []string{}
	switch t := s.Type.(type) {
	case string:
		words = append(words, t)
	case []any:
		for _, one := range t {
			words = append(words, fmt.Sprint(one))
		}
	}
	for _, one := range append(slices.Clone(s.OneOf), s.AllOf...) {
		words = append(words, one.Kind())
	}
	if s.Ref != "" {
		words = append(words, path.Base(s.Ref))
	}
	text := strings.Join(words, " or ")
	if s.Items != nil {
		text += " of " + cmp.Or(s.Items.Kind(), "anything")
	}
	if len(s.Enum) > 0 {
		text += ": " + strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Enum...), "<nil>", "null"), "[]")
	}
	if s.Default != nil {
		text += fmt.Sprintf(", default %v", s.Default)
	}
	return text
}
