<?php
/**
 * Notices in the network admin.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Shows network administrators what prevents domains from working. */
final class Notices {

	const CAPABILITY = 'manage_network_options';
	const SEND       = 'pilotsync_send';

	/** How many domains a notice lists. */
	const NAMED = 5;

	/** @var Settings */
	private $settings;
	/** @var Outbox */
	private $outbox;
	/** @var Domains */
	private $domains;
	/** @var string[] */
	private $problems;

	public function __construct( Settings $settings, Outbox $outbox, Domains $domains, array $problems ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->domains  = $domains;
		$this->problems = $problems;
	}

	/** Attaches the notices and the handler of their button. */
	public function listen(): void {
		add_action( is_multisite() ? 'network_admin_notices' : 'admin_notices', array( $this, 'show' ) );
		add_action( 'network_admin_edit_' . self::SEND, array( $this, 'send' ) );
	}

	/** Shows the notices. */
	public function show(): void {
		if ( ! current_user_can( is_multisite() ? self::CAPABILITY : 'manage_options' ) ) {
			return;
		}
		if ( $this->problems ) {
			self::notice( 'error', __( 'pilotsync does nothing here:', 'pilotsync' ) . ' ' . implode( ' ', $this->problems ) );
			return;
		}
		foreach ( array_filter( array_merge( $this->settings->invalid(), array( $this->settings->secret_problem() ) ) ) as $text ) {
			self::notice( 'error', $text );
		}
		$this->show_outbox();
		$this->show_served();
		$app = Events::last_of_app( $this->settings->app_id() );
		if ( 'app.blocked' === $app['type'] ) {
			/* translators: 1: time, 2: reason */
			self::notice( 'error', sprintf( __( 'No domain changes have reached ServerPilot since %1$s: %2$s', 'pilotsync' ), self::local( (int) strtotime( $app['at'] ) ), $app['reason'] ) );
		}
	}

	/** Handles the button "Send now". */
	public function send(): void {
		check_admin_referer( self::SEND );
		if ( ! current_user_can( self::CAPABILITY ) ) {
			wp_die( esc_html__( 'Sorry, you are not allowed to do that.', 'pilotsync' ), '', array( 'response' => 403 ) );
		}
		if ( ! $this->problems ) {
			$this->outbox->flush( true );
		}
		$back = wp_get_referer();
		wp_safe_redirect( $back ? $back : network_admin_url() );
		exit;
	}

	private function show_outbox(): void {
		$failure = $this->outbox->failure();
		try {
			$n = $failure ? $this->outbox->count() : 0;
		} catch ( DatabaseError $e ) {
			self::notice( 'error', $e->getMessage() );
			return;
		}
		if ( 0 === $n ) {
			return;
		}
		$button = sprintf(
			'<form method="post" action="%s"><p>%s<button class="button">%s</button></p></form>',
			esc_url( network_admin_url( 'edit.php?action=' . self::SEND ) ),
			wp_nonce_field( self::SEND, '_wpnonce', true, false ),
			esc_html__( 'Send now', 'pilotsync' )
		);
		self::notice(
			'warning',
			sprintf(
				/* translators: 1: number of changes, 2: time, 3: reason */
				_n( '%1$d domain change has been waiting for Redis since %2$s. It is sent when Redis answers. %3$s', '%1$d domain changes have been waiting for Redis since %2$s. They are sent in order when Redis answers. %3$s', $n, 'pilotsync' ),
				$n,
				self::local( $failure['since'] ),
				$failure['message']
			),
			$button
		);
	}

	/**
	 * Shows domains with a problem whose sites are still served: their stage doesn't show the
	 * problem.
	 */
	private function show_served(): void {
		$items = '';
		$n     = 0;
		foreach ( $this->domains->problems( 100 ) as $row ) {
			$mapping = Mapping::find( $row->domain );
			if ( ! $mapping || ! Mapping::is_active( $mapping ) ) {
				continue; // It was unmapped or taken offline since.
			}
			++$n;
			if ( $n <= self::NAMED ) {
				$status = Domains::status( $row );
				$items .= '<li>' . esc_html( StateName::of_domain( $mapping->get_domain() ) . ' (' . StateName::of( $row->state ) . '): ' . Sentences::line( $status ) ) . Records::html( Records::of( $mapping->get_domain(), $status ) ) . '<br>' . CheckPage::link( $mapping->get_domain() ) . '</li>';
			}
		}
		if ( 0 === $n ) {
			return;
		}
		/* translators: %d: number of domains */
		$text = sprintf( _n( '%d domain has a problem. Its site is still served:', '%d domains have a problem. Their sites are still served:', $n, 'pilotsync' ), $n );
		if ( $n > self::NAMED ) {
			$more = $n - self::NAMED;
			/* translators: %d: number of domains */
			$items .= '<li>' . esc_html( sprintf( _n( 'and %d more; wp pilotsync status shows it', 'and %d more; wp pilotsync status shows them', $more, 'pilotsync' ), $more ) ) . '</li>';
		}
		self::notice( 'warning', $text, '<ul>' . $items . '</ul>' );
	}

	/**
	 * Prints a notice.
	 *
	 * @param string $kind error or warning.
	 * @param string $text Plain text.
	 * @param string $html HTML after the text, escaped.
	 */
	private static function notice( string $kind, string $text, string $html = '' ): void {
		printf( '<div class="notice notice-%s"><p>%s</p>%s</div>', esc_attr( $kind ), esc_html( $text ), $html ); // phpcs:ignore WordPress.Security.EscapeOutput
	}

	/** A time in the format of the network's settings. */
	public static function local( int $time ): string {
		return (string) wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), $time );
	}
}
