package enqueue

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/publicsuffix"
)

const suffixFile = "php/data/public_suffixes.txt"

// PHP has no public suffix list. The library's copy is generated from the tables that the
// workers are built with, so both agree on every name. This test fails if an update of
// golang.org/x/net changed them. To generate the copy again:
//
//	UPDATE_PUBLIC_SUFFIXES=1 go test ./enqueue -run PublicSuffix
func TestPHPsPublicSuffixListEqualsGos(t *testing.T) {
	t.Parallel()
	rules := suffixRules(t)
	for _, rule := range rules {
		// The package itself must agree, so that an error in reading its tables shows.
		name, want := rule, rule
		switch rule[0] {
		case '*':
			name, want = "zz--any"+rule[1:], "zz--any"+rule[1:]
		case '!':
			name = rule[1:]
			_, want, _ = strings.Cut(name, ".")
		}
		if got, _ := publicsuffix.PublicSuffix(name); got != want {
			t.Errorf("rule %s: the suffix of %s is %s, want %s", rule, name, got, want)
		}
	}
	version := publicsuffix.List.String()
	want := "// Generated from golang.org/x/net/publicsuffix by enqueue/php_publicsuffix_test.go; don't edit.\n" +
		"// " + version + "\n" +
		"// The list is under the Mozilla Public License, v. 2.0: https://mozilla.org/MPL/2.0/\n" +
		strings.Join(rules, "\n") + "\n"
	if os.Getenv("UPDATE_PUBLIC_SUFFIXES") != "" {
		if err := os.WriteFile(suffixFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(suffixFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s is not what golang.org/x/net has; run UPDATE_PUBLIC_SUFFIXES=1 go test ./enqueue -run PublicSuffix (-want +got):\n%.2000s", suffixFile, diff)
	}
}

// suffixRules reads the sorted rules from the tables of golang.org/x/net, because its
// exported functions don't list them. list.go there documents the layout of the tables;
// the widths of their fields are read from table.go.
func suffixRules(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/net/publicsuffix").Output()
	if err != nil {
		t.Fatalf("where golang.org/x/net is: %v", err)
	}
	dir := strings.TrimSpace(string(out))
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	table := string(read("table.go"))
	constant := func(name string) uint32 {
		m := regexp.MustCompile(`\b` + name + `\s*= (\d+)`).FindStringSubmatch(table)
		if m == nil {
			t.Fatalf("table.go has no %s any more: the tables' layout has changed", name)
		}
		n, err := strconv.ParseUint(m[1], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	if constant("nodesBits") != 40 {
		t.Fatal("the nodes have another size: the tables' layout has changed")
	}
	var (
		textLength, textOffset   = constant("nodesBitsTextLength"), constant("nodesBitsTextOffset")
		icann, toChildren        = constant("nodesBitsICANN"), constant("nodesBitsChildren")
		childrenLo, childrenHi   = constant("childrenBitsLo"), constant("childrenBitsHi")
		nodeType, wild           = constant("childrenBitsNodeType"), constant("childrenBitsWildcard")
		normalNode, exceptedNode = constant("nodeTypeNormal"), constant("nodeTypeException")
	)
	text, nodes, children := read("data/text"), read("data/nodes"), read("data/children")
	// take removes the lowest bits from v and returns them.
	take := func(v *uint64, bits uint32) uint64 {
		low := *v & (1<<bits - 1)
		*v >>= bits
		return low
	}
	var rules []string
	var walk func(lo, hi uint64, parent string)
	walk = func(lo, hi uint64, parent string) {
		for i := lo; i < hi; i++ {
			node := uint64(nodes[i*5])<<32 | uint64(binary.BigEndian.Uint32(nodes[i*5+1:]))
			length := take(&node, textLength)
			offset := take(&node, textOffset)
			take(&node, icann)
			below := uint64(binary.BigEndian.Uint32(children[4*take(&node, toChildren):]))
			first := take(&below, childrenLo)
			last := take(&below, childrenHi)
			kind := take(&below, nodeType)
			wildcard := take(&below, wild) != 0

			name := string(text[offset:offset+length]) + parent
			switch uint32(kind) {
			case normalNode:
				rules = append(rules, name)
			case exceptedNode:
				rules = append(rules, "!"+name)
			}
			if wildcard {
				rules = append(rules, "*."+name)
			}
			walk(first, last, "."+name)
		}
	}
	walk(0, uint64(constant("numTLD")), "")
	if len(rules) < 5000 {
		t.Fatalf("only %d rules: the tables' layout has changed", len(rules))
	}
	slices.Sort(rules)
	if again := slices.Compact(slices.Clone(rules)); len(again) != len(rules) {
		t.Fatalf("%d rules occur twice", len(rules)-len(again))
	}
	return rules
}
