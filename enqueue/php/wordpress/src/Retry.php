<?php
/**
 * Retries of the outbox.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Schedules one retry at a time: with Action Scheduler if there is one, as in Ultimate Multisite,
 * otherwise with WP-Cron.
 */
final class Retry {

	const ACTION = 'pilotsync_flush';
	/** Finds the changes of a process that died between storing and sending them. */
	const HOURLY = 'pilotsync_hourly';
	const GROUP  = 'pilotsync';

	/** Schedules the next retry. */
	public function schedule(): void {
		/**
		 * After how many seconds a failed outbox is retried.
		 *
		 * @param int $seconds 60.
		 */
		$at = time() + max( 1, (int) apply_filters( 'pilotsync_retry_seconds', MINUTE_IN_SECONDS ) );
		$this->on_main_site(
			static function () use ( $at ) {
				if ( self::has_action_scheduler() ) {
					// While the action itself runs, the result is true; then the next one must still be scheduled.
					if ( ! is_int( as_next_scheduled_action( self::ACTION, array(), self::GROUP ) ) ) {
						as_schedule_single_action( $at, self::ACTION, array(), self::GROUP );
					}
				} elseif ( ! wp_next_scheduled( self::ACTION ) ) {
					wp_schedule_single_event( $at, self::ACTION );
				}
			}
		);
	}

	/** Schedules the hourly check. */
	public function schedule_hourly(): void {
		if ( is_main_site() && ! wp_next_scheduled( self::HOURLY ) ) {
			wp_schedule_event( time() + HOUR_IN_SECONDS, 'hourly', self::HOURLY );
		}
	}

	/** Unschedules everything. */
	public function stop(): void {
		$this->on_main_site(
			static function () {
				if ( self::has_action_scheduler() ) {
					as_unschedule_all_actions( self::ACTION, array(), self::GROUP );
				}
				wp_clear_scheduled_hook( self::ACTION );
				wp_clear_scheduled_hook( self::HOURLY );
			}
		);
	}

	private static function has_action_scheduler(): bool {
		return function_exists( 'as_schedule_single_action' ) && function_exists( 'as_next_scheduled_action' )
			&& ( ! class_exists( 'ActionScheduler' ) || ! is_callable( array( 'ActionScheduler', 'is_initialized' ) ) || \ActionScheduler::is_initialized() );
	}

	/**
	 * Runs $work on the main site. Each site has its own schedules, and a subsite's may never
	 * run.
	 */
	private function on_main_site( callable $work ): void {
		$elsewhere = ! is_main_site();
		if ( $elsewhere ) {
			switch_to_blog( get_main_site_id() );
		}
		try {
			$work();
		} finally {
			if ( $elsewhere ) {
				restore_current_blog();
			}
		}
	}
}
