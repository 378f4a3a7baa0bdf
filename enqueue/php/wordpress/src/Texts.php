<?php
/**
 * The plugin's texts in other languages.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Loads a translation itself, since load_plugin_textdomain can't be used before init, nor for a
 * must-use plugin.
 */
final class Texts {

	/** For each language the translation of its regional forms. Portugal's Portuguese differs from Brazil's. */
	const SHARED = array(
		'de' => 'de_DE',
		'es' => 'es_ES',
		'fr' => 'fr_FR',
		'it' => 'it_IT',
	);

	/** Loads the translation for the current user's language, or the site's. */
	public static function load(): void {
		$locale = determine_locale();
		$own    = dirname( __DIR__ ) . '/languages/pilotsync-';
		foreach ( array( WP_LANG_DIR . "/plugins/pilotsync-$locale.mo", "$own$locale.mo", $own . self::shared( $locale ) . '.mo' ) as $file ) {
			if ( is_readable( $file ) && load_textdomain( 'pilotsync', $file ) ) {
				return;
			}
		}
	}

	private static function shared( string $locale ): string {
		$language = explode( '_', $locale )[0];
		return isset( self::SHARED[ $language ] ) ? self::SHARED[ $language ] : $locale;
	}
}
