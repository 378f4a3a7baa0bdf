<?php
/**
 * Runs `wp pilotsync …` with the needed parts of WP-CLI, which Debian doesn't have: php cli.php COMMAND [ARGUMENT…] [--FLAG[=VALUE]…]
 *
 * phpcs:disable
 */

namespace WP_CLI\Utils {
	function format_items( $format, $items, $fields ) {
		foreach ( $items as $item ) {
			echo implode( "\t", array_map( function ( $field ) use ( $item ) { return $item[ $field ]; }, $fields ) ), "\n";
		}
	}
}

namespace {
	define( 'WP_CLI', true );

	class WP_CLI {
		public static $commands = array();
		public static function add_command( $name, $command ) { self::$commands[ $name ] = $command; }
		public static function line( $text ) { echo $text, "\n"; }
		public static function success( $text ) { echo "Success: $text\n"; }
		public static function error( $text ) { echo "Error: $text\n"; exit( 1 ); }
	}

	require __DIR__ . '/wp-load.php';
	$args = $assoc = array();
	foreach ( array_slice( $argv, 2 ) as $arg ) {
		if ( preg_match( '/^--([^=]+)(?:=(.*))?$/', $arg, $part ) ) {
			$no = 0 === strpos( $part[1], 'no-' );
			$assoc[ $no ? substr( $part[1], 3 ) : $part[1] ] = isset( $part[2] ) ? $part[2] : ! $no;
		} else {
			$args[] = $arg;
		}
	}
	WP_CLI::$commands['pilotsync']->{$argv[1]}( $args, $assoc );
}
