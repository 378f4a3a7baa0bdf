<?php
/**
 * The page on which a domain can be checked.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Cause;
use Pilotsync\Exception\NoResult;
use Pilotsync\Exception\PilotsyncException;

/**
 * Network Admin → Settings → Domain check: a worker finds out whether a domain would work, mapped or not. Nothing changes.
 */
final class CheckPage {

	const SLUG = 'pilotsync-check';

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/** Attaches the page. */
	public function listen(): void {
		add_action( 'network_admin_menu', array( $this, 'add' ) );
	}

	/** Adds the page to the menu. */
	public function add(): void {
		$title = __( 'Domain check', 'pilotsync' );
		add_submenu_page( 'settings.php', $title, $title, Notices::CAPABILITY, self::SLUG, array( $this, 'show' ) );
	}

	/**
	 * The link to the page for a domain, as HTML; empty for users who may not open it. The link checks nothing by itself.
	 *
	 * @param string $domain The name.
	 */
	public static function link( string $domain ): string {
		if ( ! current_user_can( Notices::CAPABILITY ) ) {
			return '';
		}
		$url = add_query_arg(
			array(
				'page'   => self::SLUG,
				'domain' => rawurlencode( $domain ),
			),
			network_admin_url( 'settings.php' )
		);
		return '<a href="' . esc_url( $url ) . '">' . esc_html__( 'Check now', 'pilotsync' ) . '</a>';
	}

	/** Shows the form, and after it was sent the result. */
	public function show(): void {
		$sent   = isset( $_POST['domain'] ) && check_admin_referer( self::SLUG );
		$domain = $sent ? $_POST['domain'] : ( isset( $_GET['domain'] ) ? $_GET['domain'] : '' ); // phpcs:ignore WordPress.Security
		$domain = is_string( $domain ) ? trim( wp_unslash( $domain ) ) : '';
		printf(
			'<div class="wrap"><h1>%s</h1><p>%s</p><form method="post" action="%s">%s<p><label>%s <input type="text" name="domain" class="regular-text" required autocapitalize="none" spellcheck="false" value="%s"></label> <button class="button button-primary">%s</button></p></form>%s</div>',
			esc_html__( 'Domain check', 'pilotsync' ),
			esc_html__( 'Would a domain work? A worker checks its name, DNS records and certificate. Nothing changes. It takes some seconds.', 'pilotsync' ),
			esc_url( network_admin_url( 'settings.php?page=' . self::SLUG ) ),
			wp_nonce_field( self::SLUG, '_wpnonce', true, false ), // phpcs:ignore WordPress.Security.EscapeOutput
			esc_html__( 'Domain', 'pilotsync' ),
			esc_attr( $domain ),
			esc_html__( 'Check', 'pilotsync' ),
			$sent ? $this->html( $domain ) : '' // phpcs:ignore WordPress.Security.EscapeOutput
		);
	}

	/** The result of a check as HTML. */
	private function html( string $domain ): string {
		try {
			$client = new \Pilotsync\Client( $this->settings->redis_url(), $this->settings->app_id() );
			$domain = \Pilotsync\Hostname::parse( $domain );
			return self::result( $client->check( $domain, array( 'www' => Changes::www( $domain ) ) ) );
		} catch ( NoResult $e ) {
			$text = __( 'No worker answered in time. A worker must run, serve this app, and be as new as this plugin; pilotsync doctor says more.', 'pilotsync' );
		} catch ( PilotsyncException $e ) {
			/* translators: %s: reason, in English */
			$text = sprintf( __( 'The check failed: %s', 'pilotsync' ), $e->getMessage() );
		}
		return self::box( 'error', esc_html( $text ) );
	}

	/** A worker's result as HTML: what is wrong, what to do, and the DNS records. */
	private static function result( array $result ): string {
		$html = self::paragraph( Cause::read( $result ), $result['reason'] );
		foreach ( $result['problems'] as $problem ) {
			$is_cause = $problem['name'] === $result['domain'] && ( $problem['cause'] ?? '' ) === ( $result['cause'] ?? '' );
			$html    .= $is_cause ? '' : self::paragraph( Cause::read( $problem ), $problem['reason'] );
		}
		$status  = new DomainStatus( '', $result['reason'], Cause::read( $result ), array_map( array( Cause::class, 'read' ), $result['problems'] ) );
		$records = Records::of( $result['domain'], $status );
		if ( $records ) {
			$html .= '</p><p>' . esc_html__( 'Change these DNS records at the DNS provider of the domain:', 'pilotsync' ) . Records::html( $records );
		}
		return self::box( ! $result['ok'] ? 'error' : ( $result['problems'] ? 'warning' : 'success' ), $html );
	}

	/** A cause with its remedy, as HTML. */
	private static function paragraph( Cause $cause, string $reason ): string {
		list( $sentence, $remedy ) = Sentences::texts( $cause, $reason );
		return esc_html( trim( "$sentence. " . ( 'Works' === $cause->code ? '' : $remedy ) ) ) . '<br>';
	}

	/** A box in WordPress's style. The class inline keeps it from being moved to the top. */
	private static function box( string $kind, string $html ): string {
		return '<div class="notice inline notice-' . esc_attr( $kind ) . '"><p>' . $html . '</p></div>';
	}
}
