<?php
/**
 * What becomes of events.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Brings an event to where the network's people see it: a domain's stage and log, or a notice about the app. */
final class Events {

	/** @var Settings */
	private $settings;

	/** @var Domains */
	private $domains;

	/** @var Mails */
	private $mails;

	public function __construct( Settings $settings, Domains $domains, Mails $mails ) {
		$this->settings = $settings;
		$this->domains  = $domains;
		$this->mails    = $mails;
	}

	/**
	 * Takes one event; only under the lock for its domain.
	 *
	 * @param Event $event The event.
	 * @return string applied, or why it changed nothing: ignored, old, unknown.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function take( Event $event ): string {
		if ( $event->app_id !== $this->settings->app_id() ) {
			/* translators: 1: kind of event, 2: id of an app */
			Log::general( sprintf( __( 'Event %1$s ignored: it is about the app %2$s.', 'pilotsync' ), $event->type, $event->app_id ), 'warning' );
			return 'ignored';
		}
		switch ( $event->type ) {
			case 'domain.state':
				return $this->domain( $event );
			case 'app.blocked':
			case 'app.recovered':
				return $this->app( $event );
		}
		return 'ignored'; // A kind that is newer than this plugin.
	}

	/** The app's last event: what the notice in the network admin is made of. */
	public static function last_of_app(): array {
		$last = get_site_option( Schema::APP );
		return is_array( $last ) ? $last : array(
			'type'   => '',
			'at'     => '',
			'reason' => '',
		);
	}

	private function app( Event $event ): string {
		$last = self::last_of_app();
		if ( strcmp( $event->at, $last['at'] ) <= 0 ) {
			return 'old';
		}
		// Before the event is noted: if the e-mail can't be saved, the event comes again.
		if ( 'app.blocked' === $event->type ) {
			$this->mails->blocked( $event );
		} elseif ( 'app.blocked' === $last['type'] ) {
			$this->mails->recovered( $event );
		}
		update_site_option(
			Schema::APP,
			array(
				'type'   => $event->type,
				'at'     => $event->at,
				'reason' => $event->reason,
			)
		);
		Log::general( $event->type . ': ' . $event->reason, 'app.blocked' === $event->type ? 'error' : 'info' );
		return 'applied';
	}

	private function domain( Event $event ): string {
		if ( ! $this->domains->is_news( $event->domain, $event->at ) ) {
			return 'old';
		}
		$mapping = Mapping::find( $event->domain );
		$name    = $mapping ? $mapping->get_domain() : $event->domain;
		$result  = 'applied';
		if ( $mapping ) {
			$this->set( $mapping, $event );
		} elseif ( 'removed' !== $event->state ) {
			$result = 'unknown'; // Such as a subsite's own name, which has no mapping.
		}
		$problem = in_array( $event->state, array( 'failed', 'rejected', 'done-without-ssl' ), true );
		Log::domain( $name, $event->state . ( '' === $event->reason ? '' : ': ' . $event->reason ), $problem ? 'error' : 'info' );
		// At last: an event whose mapping couldn't be saved comes again, and must be news then.
		$this->domains->note_event( $event->domain, $event->at );
		return $result;
	}

	/**
	 * Sets a mapping's stage and secure flag.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 * @param Event  $event   The event.
	 * @throws \RuntimeException If it could not be saved.
	 */
	private function set( $mapping, Event $event ): void {
		$was    = is_callable( array( $mapping, 'get_stage' ) ) ? (string) $mapping->get_stage() : '';
		$stage  = self::stage( $event->state, $was );
		$secure = 'done' === $stage;
		$same   = $was === $stage && is_callable( array( $mapping, 'is_secure' ) ) && $mapping->is_secure() === $secure;
		if ( '' === $stage || $same ) {
			return; // Saving a mapping empties the whole object cache.
		}
		$mapping->set_stage( $stage );
		// Ultimate Multisite sends visitors to https where this is set.
		$mapping->set_secure( $secure );
		$saved = $mapping->save();
		if ( is_wp_error( $saved ) ) {
			throw new \RuntimeException( $event->domain . ' could not be saved: ' . $saved->get_error_message() );
		}
	}

	/**
	 * The stage that a state is, of those that every version of Ultimate Multisite has.
	 *
	 * @param string $state pilotsync's.
	 * @param string $was   The stage until now.
	 * @return string Empty if there is nothing to set.
	 */
	private static function stage( string $state, string $was ): string {
		switch ( $state ) {
			case 'checking-dns':
			case 'checking-ssl-cert':
			case 'done':
			case 'done-without-ssl':
			case 'failed':
				return $state;
			case 'pending':
				// A domain that works goes on working while a change of it waits.
				return in_array( $was, array( 'done', 'done-without-ssl' ), true ) ? '' : 'checking-dns';
			case 'rejected':
			case 'removed': // Though it is still mapped: somebody took it off elsewhere.
				return 'failed';
		}
		return '';
	}
}
