<?php
/**
 * Applies events.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Shows an event to administrators and customers: in a domain's stage and log, or in a notice
 * about the app.
 */
final class Events {

	/** @var Settings */
	private $settings;

	/** @var Domains */
	private $domains;

	/** @var Mails */
	private $mails;

	/** @var Handover */
	private $handover;

	public function __construct( Settings $settings, Domains $domains, Mails $mails, Handover $handover ) {
		$this->handover = $handover;
		$this->settings = $settings;
		$this->domains  = $domains;
		$this->mails    = $mails;
	}

	/**
	 * Applies one event; only under the lock for its domain.
	 *
	 * @param Event $event The event.
	 * @return string applied, or why it changed nothing: ignored, old, unknown.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function apply( Event $event ): string {
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
			case 'ledger.lost':
				return $this->handover->lost( $event->ledger ) ? 'applied' : 'old';
		}
		return 'ignored'; // A kind that is newer than this plugin.
	}

	/**
	 * An app's last event, for the notice in the network admin.
	 *
	 * @param string $app_id The app. If the last event was about another one, the result is empty.
	 */
	public static function last_of_app( string $app_id ): array {
		$last = Installation::get( Schema::APP );
		// Earlier releases didn't store the app.
		return is_array( $last ) && ( $last['app_id'] ?? $app_id ) === $app_id ? $last : array(
			'type'   => '',
			'at'     => '',
			'reason' => '',
		);
	}

	private function app( Event $event ): string {
		$last = self::last_of_app( $event->app_id );
		if ( ! $event->is_later( $last['at'], time() ) ) {
			return 'old';
		}
		// Before the event is stored: if the e-mail can't be saved, the event is sent again.
		if ( 'app.blocked' === $event->type ) {
			$this->mails->blocked( $event );
		} elseif ( 'app.blocked' === $last['type'] ) {
			$this->mails->recovered( $event );
		}
		Installation::set(
			Schema::APP,
			array(
				'app_id' => $event->app_id,
				'type'   => $event->type,
				'at'     => $event->at,
				'reason' => $event->reason,
			)
		);
		Log::general( $event->type . ': ' . $event->reason, 'app.blocked' === $event->type ? 'error' : 'info' );
		return 'applied';
	}

	private function domain( Event $event ): string {
		$last = $this->domains->find( $event->domain );
		if ( $last && ! $event->is_later( $last->at, time() ) ) {
			return 'old'; // No two events of an app have the same time, so a repeated event is old.
		}
		$mapping = Mapping::fresh( $event->domain );
		$active  = $mapping && Mapping::is_active( $mapping );
		$problem = $active && Stage::is_problem( $event->state, (string) $mapping->get_stage(), $last ? $last->state : '', $last && $last->problem );
		if ( $mapping ) {
			$this->set( $mapping, $event, $active );
		}
		$this->log( $event, $mapping, $active );
		// Last: an event whose mapping couldn't be saved is sent again, and must then count as new.
		$this->domains->note_event( $event, $problem );
		// A subsite's own name may have no mapping.
		return $mapping || 'removed' === $event->state ? 'applied' : 'unknown';
	}

	/**
	 * Sets a mapping's stage and secure flag if the event changes them.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 * @param Event  $event   The event.
	 * @param bool   $active  Whether the mapping is in an active stage.
	 * @throws \RuntimeException If it could not be saved.
	 */
	private function set( $mapping, Event $event, bool $active ): void {
		$stage = (string) $mapping->get_stage();
		$next  = Stage::next( $event->state, $stage, $active, $event->certificate_over(), Mapping::has_ssl_failed() );
		if ( null === $next ) {
			return;
		}
		list( $new, $secure ) = $next;
		if ( $new !== $stage || null !== $secure && (bool) $mapping->is_secure() !== $secure ) {
			Mapping::save( $mapping, $new, $secure );
		}
	}

	/**
	 * Writes an event to the domain's log.
	 *
	 * @param Event       $event   The event.
	 * @param object|null $mapping Ultimate Multisite's domain, after the change.
	 * @param bool        $active  Whether its site was served before.
	 */
	private function log( Event $event, $mapping, bool $active ): void {
		$status = DomainStatus::of_event( $event->state, $event->reason, $event->cause, $event->warnings );
		$text   = implode( ': ', array_filter( array( StateName::of( $event->state ), Sentences::line( $status ) ) ) );
		if ( $active && 'done' !== $event->state ) {
			/* translators: 1: what an event says, 2: a stage */
			$text = sprintf( __( '%1$s. The site is still served, in stage %2$s.', 'pilotsync' ), rtrim( $text, '.' ), $mapping->get_stage() );
		}
		$problem = in_array( $event->state, array( 'failed', 'rejected', 'done-without-ssl' ), true );
		Log::domain( $mapping ? $mapping->get_domain() : $event->domain, $text, $problem ? 'error' : 'info' );
	}
}
