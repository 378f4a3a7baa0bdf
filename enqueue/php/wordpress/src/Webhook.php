<?php
/**
 * The REST route for the workers' webhooks.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * POST /wp-json/pilotsync/v1/webhook on a network's main site. Each network accepts the events of
 * all domains.
 */
final class Webhook {

	/** How long a webhook waits for another one about the same domain, in seconds. */
	const WAIT = 10;

	/** @var Settings */
	private $settings;

	/** @var Events */
	private $events;

	/** @var MailQueue */
	private $mail;

	public function __construct( Settings $settings, Events $events, MailQueue $mail ) {
		$this->settings = $settings;
		$this->events   = $events;
		$this->mail     = $mail;
	}

	/** Registers the route. */
	public function register(): void {
		if ( ! is_main_site() ) {
			return;
		}
		register_rest_route(
			'pilotsync/v1',
			'/webhook',
			array(
				'methods'             => 'POST',
				'callback'            => array( $this, 'receive' ),
				'permission_callback' => array( $this, 'check' ),
				'show_in_index'       => false,
			)
		);
	}

	/**
	 * The address for the workers' PILOTSYNC_WEBHOOK_URL: the main network's, if the plugin is
	 * active there.
	 */
	public static function url(): string {
		$plugin = plugin_basename( PILOTSYNC_PLUGIN_FILE );
		$here   = get_current_network_id();
		// A must-use plugin is active on all networks.
		$main = Installation::is_active_on( get_main_network_id(), $plugin ) || ! Installation::is_active_on( $here, $plugin );
		return get_rest_url( $main ? Installation::main_site_id() : get_main_site_id( $here ), 'pilotsync/v1/webhook' );
	}

	/**
	 * Whether a request is recent and signed by pilotsync.
	 *
	 * @param \WP_REST_Request $request The request.
	 * @return true|\WP_Error
	 */
	public function check( $request ) {
		$secrets = $this->settings->webhook_secrets();
		if ( ! $secrets ) {
			return new \WP_Error( 'pilotsync_no_secret', __( 'PILOTSYNC_WEBHOOK_SECRET is not set.', 'pilotsync' ), array( 'status' => 503 ) );
		}
		$problem = Signature::problem(
			$secrets,
			(string) $request->get_header( 'webhook-id' ),
			(string) $request->get_header( 'webhook-timestamp' ),
			(string) $request->get_header( 'webhook-signature' ),
			(string) $request->get_body(),
			time()
		);
		return '' === $problem ? true : new \WP_Error( 'pilotsync_signature', $problem, array( 'status' => 401 ) );
	}

	/**
	 * Receives one event. The worker sends it again unless the response is 2xx.
	 *
	 * @param \WP_REST_Request $request The request, already checked.
	 * @return \WP_REST_Response|\WP_Error
	 */
	public function receive( $request ) {
		$event = Event::parse( json_decode( (string) $request->get_body(), true ) );
		if ( null === $event ) {
			return new \WP_Error( 'pilotsync_event', __( 'The body is not an event of pilotsync.', 'pilotsync' ), array( 'status' => 400 ) );
		}
		if ( $event->is_ahead( time() ) ) {
			return new \WP_Error( 'pilotsync_ahead', 'the event is from the future: a clock is wrong', array( 'status' => 400 ) );
		}
		Installation::set( Schema::ARRIVED, time() );
		try {
			// Of two concurrent events about one domain, each could find itself the newer one.
			$result = Lock::hold(
				'event ' . $event->domain,
				self::WAIT,
				function () use ( $event ) {
					return $this->events->apply( $event );
				}
			);
		} catch ( \RuntimeException $e ) {
			Log::general( $e->getMessage(), 'error' );
			return new \WP_Error( 'pilotsync_not_saved', __( 'The event could not be saved.', 'pilotsync' ), array( 'status' => 500 ) );
		}
		if ( null === $result ) {
			return new \WP_Error( 'pilotsync_busy', __( 'Another event is being saved.', 'pilotsync' ), array( 'status' => 503 ) );
		}
		if ( '' === $event->domain ) {
			$this->mail->send(); // Outside the lock, since a mail server may be slow.
		}
		return new \WP_REST_Response( array( 'result' => $result ), 200 );
	}
}
