<?php
/**
 * The signed challenge of the workers.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Proves to a worker that a name's visitors reach this network: behind a proxy, DNS can't show it.
 *
 * GET /wp-json/pilotsync/v1/here?name=HOST&nonce=NONCE on each of the network's names. The
 * answer has an HMAC of both with each of the webhooks' secrets. So no other site can give it,
 * and none can be used again. A mapped domain that isn't served yet redirects to the sign-up
 * page before WordPress loads plugins; to a worker that proves nothing.
 */
final class Challenge {

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/** Registers the route, on each site. */
	public function register(): void {
		register_rest_route(
			'pilotsync/v1',
			'/here',
			array(
				'methods'             => 'GET',
				'callback'            => array( $this, 'answer' ),
				'permission_callback' => '__return_true',
				'show_in_index'       => false,
			)
		);
	}

	/**
	 * Answers a challenge.
	 *
	 * @param \WP_REST_Request $request The request.
	 */
	public function answer( $request ): \WP_REST_Response {
		if ( ! defined( 'DONOTCACHEPAGE' ) ) {
			define( 'DONOTCACHEPAGE', true ); // Cache plugins respect it.
		}
		$secrets = $this->settings->webhook_secrets();
		$body    = $secrets ? self::body( $request->get_query_params(), $secrets ) : null;
		$status  = $secrets ? 404 : 503; // Without a secret it can't tell whether the name is here.
		return new \WP_REST_Response( $body ? $body : array( 'code' => 'pilotsync_not_here' ), $body ? 200 : $status, array( 'Cache-Control' => 'no-store' ) );
	}

	/**
	 * The answer; null if the challenge isn't for this host, or the host isn't a name of the network.
	 *
	 * @param array    $params  Of the query.
	 * @param string[] $secrets Of the webhooks.
	 * @return array{pilotsync: int, signature: string}|null
	 */
	private static function body( array $params, array $secrets ): ?array {
		$name  = isset( $params['name'] ) && is_string( $params['name'] ) ? $params['name'] : '';
		$nonce = isset( $params['nonce'] ) && is_string( $params['nonce'] ) ? $params['nonce'] : '';
		if ( '' === $name || $name !== self::host() || ! preg_match( '/^[A-Za-z0-9_-]{16,64}$/D', $nonce ) || ! self::is_name_of_network( $name ) ) {
			return null;
		}
		$sign = static function ( string $secret ) use ( $name, $nonce ): string {
			return hash_hmac( 'sha256', "here:$name:$nonce", Signature::key( $secret ) );
		};
		return array(
			'pilotsync' => 1,
			'signature' => implode( ' ', array_map( $sign, $secrets ) ), // Several while one secret replaces another.
		);
	}

	/** Whether a name is mapped, is the www form of a mapped name, or is that of a site. */
	private static function is_name_of_network( string $name ): bool {
		$bare  = 0 === strpos( $name, 'www.' ) ? substr( $name, 4 ) : '';
		$query = array(
			'domain' => $name,
			'number' => 1,
			'fields' => 'ids',
		);
		return null !== Mapping::find( $name ) || null !== Mapping::find( $bare ) || array() !== get_sites( $query );
	}

	/** The host that was requested, without its port. */
	private static function host(): string {
		$host = isset( $_SERVER['HTTP_HOST'] ) && is_string( $_SERVER['HTTP_HOST'] ) ? $_SERVER['HTTP_HOST'] : ''; // phpcs:ignore
		return (string) preg_replace( '/:\d+$/D', '', strtolower( $host ) );
	}
}
