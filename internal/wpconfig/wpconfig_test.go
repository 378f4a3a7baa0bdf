package wpconfig

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hush is a secret that must be in no error.
const hush = "hunter2"

// files are sources, and what is to be taken from each. Where want is nil the
// id of the app must be refused, with the word in refused.
func files() []file {
	key := func(expression string) string {
		return "<?php\ndefine( 'WU_SERVER_PILOT_APP_ID', " + expression + " );\n"
	}
	id := func(value string) map[string]string { return map[string]string{AppID: value} }
	return []file{
		{name: "a usual file", source: usual, want: map[string]string{ClientID: "cid_AbC123", APIKey: hush + "/+=", AppID: "app1",
			RedisURL: "redis://:p%40ss@127.0.0.1:6379/0", WebhookSecret: "whsec_a b"}},
		{name: "nothing of ours", source: "<?php define('DB_NAME', 'x');", want: map[string]string{}},
		{name: "no PHP at all", source: "define('WU_SERVER_PILOT_APP_ID', 'x');", want: map[string]string{}},
		{name: "an empty file", source: "", want: map[string]string{}},
		{name: "any case and spacing", source: "<?PHP\nDeFiNe\n(\t'WU_SERVER_PILOT_APP_ID'\r\n,'app1')  ;", want: id("app1")},
		{name: "a backslash before the function", source: `<?php \define('WU_SERVER_PILOT_APP_ID', 'app1');`, want: id("app1")},
		{name: "double quotes for both", source: `<?php define("WU_SERVER_PILOT_APP_ID", "app1");`, want: id("app1")},
		{name: "an old third argument", source: key("'app1', false"), want: id("app1")},
		{name: "a comma at the end", source: key("'app1',"), want: id("app1")},
		{name: "the keyword const", source: "<?php const A = 1, WU_SERVER_PILOT_APP_ID = 'app1', WU_SERVER_PILOT_API_KEY = \"k\";", want: map[string]string{AppID: "app1", APIKey: "k"}},
		{name: "a const of a class is another", source: "<?php class A { const WU_SERVER_PILOT_APP_ID = 'app1'; }", want: map[string]string{}},
		{name: "a class with a method define", source: "<?php class A { static function define($a, $b) {} }\ndefine('WU_SERVER_PILOT_APP_ID', 'app1');", want: id("app1")},
		{name: "a global namespace in braces", source: "<?php namespace { const WU_SERVER_PILOT_APP_ID = 'app1'; define('WU_SERVER_PILOT_API_KEY', 'k'); }", want: map[string]string{AppID: "app1", APIKey: "k"}},
		{name: "define in a namespace is global", source: "<?php namespace Foo;\ndefine('WU_SERVER_PILOT_APP_ID', 'app1');", want: id("app1")},
		{name: "a backslash in a namespace", source: "<?php namespace Foo { \\define('WU_SERVER_PILOT_APP_ID', 'app1'); }", want: id("app1")},
		{name: "looked up only", source: "<?php defined('WU_SERVER_PILOT_APP_ID') && exit; getenv('WU_SERVER_PILOT_APP_ID'); $a = $_ENV['WU_SERVER_PILOT_APP_ID'] ?? $_SERVER[\"WU_SERVER_PILOT_APP_ID\"] ?? 1;", want: map[string]string{}},
		{name: "a strange form after it is defined", source: "<?php define('WU_SERVER_PILOT_APP_ID', 'app1'); foreach (['WU_SERVER_PILOT_APP_ID' => 'b'] as $k => $v) { @define($k, $v); }", want: id("app1")},
		{name: "before WordPress is loaded, and after", source: "<?php define('WU_SERVER_PILOT_APP_ID', 'app1');\nrequire_once __DIR__ . '/wp-settings.php';\n@define('WU_SERVER_PILOT_APP_ID', 'late');", want: id("app1")},
		{name: "names are told apart by letter case", source: "<?php define('wu_server_pilot_app_id', 'app1');", want: map[string]string{}},

		{name: "comments of each kind", source: "<?php\n// define('WU_SERVER_PILOT_APP_ID', 'no');\n# define('WU_SERVER_PILOT_APP_ID', 'no');\n/* define('WU_SERVER_PILOT_APP_ID', 'no');\n*/ define( /* ' */ 'WU_SERVER_PILOT_APP_ID' # \"\n, // '\n 'app1' /**/ );", want: id("app1")},
		{name: "a closing tag ends a comment", source: "<?php // off ?> define('WU_SERVER_PILOT_APP_ID', 'no'); <?php define('WU_SERVER_PILOT_APP_ID', 'app1');", want: id("app1")},
		{name: "text outside of the tags", source: "it's <?= 1 ?> isn't <?php define('WU_SERVER_PILOT_APP_ID', 'app1') ?> don't", want: id("app1")},
		{name: "a definition within a string", source: `<?php $a = "define('WU_SERVER_PILOT_APP_ID', 'no');"; define('WU_SERVER_PILOT_APP_ID', 'app1');`, want: id("app1")},
		{name: "a definition within a heredoc", source: "<?php $a = <<<\"X\"\n  define('WU_SERVER_PILOT_APP_ID', 'no');\n  X1\n  X; $b = <<<'Y'\nit's\nY;\ndefine('WU_SERVER_PILOT_APP_ID', 'app1');", want: id("app1")},
		{name: "quotes within braces of a string", source: `<?php $a = ['b' => ['"' => 1]]; $c = "{$a['b']["\""]} ${a}['"; define('WU_SERVER_PILOT_APP_ID', 'app1');`, want: id("app1")},
		{name: "after the compiler was halted", source: "<?php define('WU_SERVER_PILOT_APP_ID', 'app1'); __halt_compiler(); define('WU_SERVER_PILOT_API_KEY', 'no');", want: id("app1")},
		{name: "after the end of the program", source: "<?php define('WU_SERVER_PILOT_APP_ID', 'app1'); return; define('WU_SERVER_PILOT_API_KEY', 'no');", want: id("app1")},

		{name: "escapes in single quotes", source: key(`'a\\b\'c\n\"$d{$e}\x41\'` + "'"), want: id(`a\b'c\n\"$d{$e}\x41'`)},
		{name: "escapes in double quotes", source: key(`"a\\b\"\$c\n\t\r\v\e\f\101\x41\u{1F600}\'\q\x \8$ $1 {a} \u{e9}\777"`),
			want: id("a\\b\"$c\n\t\r\v\x1b\fAA\U0001F600\\'\\q\\x \\8$ $1 {a} é\xff")},
		{name: "a string over two lines", source: key("'a\nb'"), want: id("a\nb")},
		{name: "an empty string", source: key("''"), want: id("")},

		{name: "in a block", source: "<?php if ( PHP_VERSION_ID > 1 ) { define('WU_SERVER_PILOT_APP_ID', 'app1'); }", want: id("app1")},
		{name: "in a block without braces", source: "<?php if ( PHP_VERSION_ID > 1 ): define('WU_SERVER_PILOT_APP_ID', 'app1'); endif;", want: id("app1")},
		{name: "twice", source: "<?php define('WU_SERVER_PILOT_APP_ID', 'app1'); @define('WU_SERVER_PILOT_APP_ID', 'app2'); @define('WU_SERVER_PILOT_APP_ID', getenv('HOME'));", want: id("app1")},
		{name: "unless it was defined before, or", source: "<?php defined('WU_SERVER_PILOT_APP_ID') || define('WU_SERVER_PILOT_APP_ID', 'app1'); defined('WU_SERVER_PILOT_APP_ID') or define('WU_SERVER_PILOT_APP_ID', 'app2');", want: id("app1")},
		{name: "unless it was defined before, if", source: "<?php if ( ! defined('WU_SERVER_PILOT_APP_ID') ) { define('WU_SERVER_PILOT_APP_ID', 'app1'); }\nif (!defined('WU_SERVER_PILOT_APP_ID')) define('WU_SERVER_PILOT_APP_ID', 'app2');", want: id("app1")},
		{name: "the same in both branches", source: "<?php if ( PHP_VERSION_ID > 1 ) define('WU_SERVER_PILOT_APP_ID', 'app1'); else define('WU_SERVER_PILOT_APP_ID', 'app1');", want: id("app1")},

		{name: "below the require of wp-settings.php", source: "<?php\nrequire_once __DIR__ . '/wp-settings.php';\n\ndefine('WU_SERVER_PILOT_APP_ID', '" + hush + "');", refused: "(line 4) is defined too late: WordPress and its plugins are loaded by the require of wp-settings.php in line 2"},
		{name: "below it, in another way of loading", source: "<?php\nif (true) { include(__DIR__ . \"/wp-settings.php\"); }\nconst WU_SERVER_PILOT_APP_ID = '" + hush + "';", refused: "(line 3) is defined too late"},
		{name: "Bedrock's Config", source: "<?php class Config { static function define($a, $b) { \\define($a, $b); } }\n\nConfig::define('WU_SERVER_PILOT_APP_ID', '" + hush + "');", refused: "(line 3) " + strange, php: hush},
		{name: "an object's method", source: "<?php class A { function define($a, $b) { \\define($a, $b); } }\n(new A)->define('WU_SERVER_PILOT_APP_ID', '" + hush + "');", refused: "(line 2) " + strange, php: hush},
		{name: "a loop", source: "<?php\nforeach ([\n 'WU_SERVER_PILOT_APP_ID' => '" + hush + "',\n] as $k => $v) { define($k, $v); }", refused: "(line 3) " + strange, php: hush},
		{name: "named arguments", source: "<?php define(value: '" + hush + "', constant_name: 'WU_SERVER_PILOT_APP_ID');", refused: "(line 1) " + strange, php: hush},
		{name: "a call by name", source: "<?php call_user_func('define', 'WU_SERVER_PILOT_APP_ID', '" + hush + "');", refused: "(line 1) " + strange, php: hush},
		{name: "the name in a variable", source: "<?php $n = 'WU_SERVER_PILOT_APP_ID'; define($n, '" + hush + "');", refused: "(line 1) " + strange, php: hush},
		{name: "the name in parentheses", source: "<?php define(('WU_SERVER_PILOT_APP_ID'), '" + hush + "');", refused: "(line 1) " + strange, php: hush},
		{name: "a function of a namespace", source: "<?php namespace Foo { function define($a, $b) { \\define($a, $b . 'x'); } }\nnamespace Bar { use function Foo\\define;\ndefine('WU_SERVER_PILOT_APP_ID', '" + hush + "'); }", refused: "(line 3) " + strange, php: hush + "x"},
		{name: "a const in a namespace", source: "<?php namespace Foo;\nconst WU_SERVER_PILOT_APP_ID = '" + hush + "';", refused: "(line 2) is defined by const in a namespace"},
		{name: "a const in a namespace with braces", source: "<?php namespace Foo {\nconst A = 1, WU_SERVER_PILOT_APP_ID = '" + hush + "'; }", refused: "(line 2) is defined by const in a namespace"},
		{name: "another in each branch", source: "<?php if ( $staging ) {\n define('WU_SERVER_PILOT_APP_ID', '" + hush + "'); } else {\n define('WU_SERVER_PILOT_APP_ID', 'app2'); }", refused: "in lines 2 and 3 with different values"},
		{name: "another in each branch, without braces", source: "<?php if ( $a ): $b = 1; define('WU_SERVER_PILOT_APP_ID', 'a'); else: $b = 2; define('WU_SERVER_PILOT_APP_ID', 'b'); endif;", refused: "with different values"},
		{name: "another guarded within a branch", source: "<?php if ( $a ) { if (!defined('WU_SERVER_PILOT_APP_ID')) define('WU_SERVER_PILOT_APP_ID', 'a'); } define('WU_SERVER_PILOT_APP_ID', 'b');", refused: "with different values"},
		{name: "the environment", source: key("getenv( '" + hush + "' )"), refused: "(line 2) is taken from the environment"},
		{name: "the environment with a fallback", source: key("getenv('X') ?: '" + hush + "'"), refused: "from the environment"},
		{name: "the environment's array", source: key("$_ENV['X'] ?? '" + hush + "'"), refused: "from the environment"},
		{name: "the environment in a branch", source: "<?php if ( getenv('X') ) define('WU_SERVER_PILOT_APP_ID', getenv('X')); else define('WU_SERVER_PILOT_APP_ID', 'a');", refused: "from the environment"},
		{name: "a concatenation", source: key("'" + hush + "' . 'b'"), refused: "is put together"},
		{name: "another constant", source: key(hush), refused: "is another constant, or a string without quotes"},
		{name: "another function", source: key("trim('" + hush + "')"), refused: "is the result of a function"},
		{name: "a variable", source: key("$" + hush), refused: "is a variable"},
		{name: "a number", source: key("12345"), refused: "is a number"},
		{name: "interpolation", source: key(`"$` + hush + `"`), refused: "holds a variable"},
		{name: "interpolation in braces", source: key(`"a{$` + hush + `}"`), refused: "holds a variable"},
		{name: "a heredoc", source: key("<<<X\n" + hush + "\nX\n"), refused: "is a heredoc"},
		{name: "a choice", source: key("$a ? '" + hush + "' : 'b'"), refused: "is a variable"},
		{name: "parentheses", source: key("( '" + hush + "' )"), refused: "is an expression"},
		{name: "a command", source: key("`" + hush + "`"), refused: "holds a variable"},
		{name: "a character that doesn't exist", source: key(`"\u{110000}"`), refused: "can't be read"},
		{name: "typographic quotes", source: "<?php define( ‘WU_SERVER_PILOT_APP_ID’, ‘" + hush + "’ );", refused: "stands in typographic quotes"},
		{name: "a string without an end", source: "<?php define( 'WU_SERVER_PILOT_APP_ID', '" + hush, refused: "can't be read"},
	}
}

type file struct {
	name, source string
	want         map[string]string
	refused      string
	// php is what PHP makes of a form that isn't understood.
	php string
}

const strange = "has a form that this check doesn't understand; see what WordPress has with 'wp config get WU_SERVER_PILOT_APP_ID'"

const usual = `<?php
/**
 * It's the base configuration for WordPress: define( 'WU_SERVER_PILOT_APP_ID', 'no' );
 */
define( 'DB_NAME', 'wordpress' );
define( 'DB_HOST', 'localhost:' . getenv( 'SOCKET' ) );
$table_prefix = 'wp_';

/* ServerPilot */
define( 'WU_SERVER_PILOT_CLIENT_ID', 'cid_AbC123' ); // don't share
define( "WU_SERVER_PILOT_API_KEY", "` + hush + `/+=" );
# define( 'WU_SERVER_PILOT_APP_ID', 'old' );
define('WU_SERVER_PILOT_APP_ID','app1');
if ( ! defined( 'PILOTSYNC_REDIS_URL' ) ) {
	define( 'PILOTSYNC_REDIS_URL', 'redis://:p%40ss@127.0.0.1:6379/0' );
}
defined( 'PILOTSYNC_WEBHOOK_SECRET' ) or define( 'PILOTSYNC_WEBHOOK_SECRET', 'whsec_a b' );

if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
`

func TestOnlyWhatIsCertainIsTaken(t *testing.T) {
	t.Parallel()
	for _, test := range files() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := Parse([]byte(test.source))
			if test.want != nil {
				if diff := cmp.Diff(test.want, got.Values); diff != "" || len(got.Refused) > 0 {
					t.Errorf("values (-want +got):\n%s\nrefused: %v", diff, got.Refused)
				}
				return
			}
			err := got.Refused[AppID]
			if err == nil || !strings.Contains(err.Error(), test.refused) || !strings.Contains(err.Error(), AppID) {
				t.Errorf("error is %v; want one about %s with %q; values: %q", err, AppID, test.refused, got.Values)
			} else if strings.Contains(err.Error(), hush) {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

// What is taken must be what PHP has when WordPress loads its plugins. A form that isn't
// understood must be one that PHP defines the constant with. One that comes too late or into a
// namespace must not be there.
func TestPHPComesToTheSameValues(t *testing.T) {
	t.Parallel()
	php, err := exec.LookPath("php")
	if err != nil {
		t.Skip("needs php on PATH, to compare with what PHP makes of the files: ", err)
	}
	names, err := json.Marshal(Names())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range files() {
		want := test.want
		switch unseen := strings.Contains(test.refused, "too late") || strings.Contains(test.refused, "in a namespace"); {
		case test.php != "":
			want = map[string]string{AppID: test.php}
		case unseen:
			want = map[string]string{}
		case want == nil:
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			config := filepath.Join(folder, "wp-config.php")
			for path, content := range map[string]string{config: test.source, filepath.Join(folder, "wp-settings.php"): "<?php report();"} {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.Command(php, "-n", "-d", "error_reporting=0", "-d", "short_open_tag=0", "-r", `
				$names = json_decode($argv[2]);
				function report() {
					static $done = false;
					if ($done) { return; }
					$done = true;
					ob_end_clean();
					$found = [];
					foreach ($GLOBALS['names'] as $name) { if (defined($name)) { $found[$name] = base64_encode(constant($name)); } }
					echo json_encode((object) $found);
					ob_start();
				}
				register_shutdown_function(function () { report(); ob_end_clean(); });
				ob_start();
				include $argv[1];`, config, string(names)).Output()
			if err != nil {
				t.Fatalf("php: %v: %s\n%s", err, out, test.source)
			}
			var encoded map[string]string
			if err := json.Unmarshal(out, &encoded); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := map[string]string{}
			for name, value := range encoded {
				decoded, err := base64.StdEncoding.DecodeString(value)
				if err != nil {
					t.Fatal(err)
				}
				got[name] = string(decoded)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("PHP has something else (-want +php):\n%s\n%s", diff, test.source)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, test := range files() {
		f.Add([]byte(test.source))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		got := Parse(source)
		for name, err := range got.Refused {
			if _, both := got.Values[name]; both || err == nil {
				t.Errorf("%s is both taken and refused, or refused without a word: %v", name, err)
			}
		}
		if again := Parse(append([]byte("<?php ?>"), source...)); !cmp.Equal(got.Values, again.Values) {
			t.Errorf("an empty block before it changes %q to %q", got.Values, again.Values)
		}
	})
}
