package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// addFlags adds the flags of fields. All but lists are read as text: the API
// judges values.
func addFlags(cmd *cobra.Command, fields []field) {
	for _, f := range fields {
		switch f.kind {
		case truthFlag:
			cmd.Flags().Bool(f.flag, true, f.help)
		case listFlag:
			cmd.Flags().StringSlice(f.flag, nil, f.help)
		case sizeFlag:
			cmd.Flags().String(f.flag, "", "`SIZE` "+f.help)
		case numberFlag:
			cmd.Flags().String(f.flag, "", "`N` "+f.help)
		default:
			cmd.Flags().String(f.flag, "", f.help)
		}
	}
}

// bodyOf makes the body of a request of the flags that were given.
func bodyOf(cmd *cobra.Command, fields []field) (map[string]any, error) {
	body := map[string]any{}
	for _, f := range fields {
		if !cmd.Flags().Changed(f.flag) {
			continue
		}
		v, err := valueOf(cmd, f)
		if err != nil {
			return nil, err
		}
		setPath(body, f.name, v)
	}
	return body, nil
}

func valueOf(cmd *cobra.Command, f field) (any, error) {
	switch f.kind {
	case truthFlag:
		return cmd.Flags().GetBool(f.flag)
	case listFlag:
		return cmd.Flags().GetStringSlice(f.flag)
	case numberFlag:
		s, err := cmd.Flags().GetString(f.flag)
		if err != nil || s == "none" {
			return nil, err
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, &exit{exitUsage, fmt.Errorf("--%s %q is neither a number nor none", f.flag, s)}
		}
		return n, nil
	}
	return cmd.Flags().GetString(f.flag)
}

// queryOf makes a query of the flags that were given.
func queryOf(cmd *cobra.Command, fields []field) (url.Values, error) {
	q := url.Values{}
	for _, f := range fields {
		if !cmd.Flags().Changed(f.flag) {
			continue
		}
		v, err := valueOf(cmd, f)
		if err != nil {
			return nil, err
		}
		q.Set(f.name, fmt.Sprint(v))
	}
	return q, nil
}

// setPath sets "a.b" as {"a": {"b": value}}.
func setPath(to map[string]any, path string, value any) {
	head, rest, nested := strings.Cut(path, ".")
	if !nested {
		to[head] = value
		return
	}
	inner, ok := to[head].(map[string]any)
	if !ok {
		inner = map[string]any{}
		to[head] = inner
	}
	setPath(inner, rest, value)
}

// getPath finds "a.b"; nil is what is not there.
func getPath(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = o[name]
	}
	return v
}
