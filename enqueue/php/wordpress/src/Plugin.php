<?php
/**
 * The wiring of the plugin.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** The plugin as a whole: what it attaches, when, and how it detaches everything. */
final class Plugin {

	/** @var Settings */
	private $settings;
	/** @var Domains */
	private $domains;
	/** @var Retry */
	private $retry;
	/** @var Outbox */
	private $outbox;
	/** @var Handover */
	private $handover;
	/** @var Takeover */
	private $takeover;
	/** @var Changes */
	private $changes;
	/** @var NativeChecks */
	private $native_checks;
	/** @var MailQueue */
	private $mail;
	/** @var Mails */
	private $mails;
	/** @var Webhook */
	private $webhook;

	private function __construct() {
		$this->domains  = new Domains();
		$this->settings = new Settings();
		$this->retry    = new Retry();
		$this->takeover = new Takeover();
		$this->outbox   = new Outbox( $this->settings, $this->retry, $this->domains );
		$this->handover = new Handover( $this->outbox, $this->retry );
		$this->outbox->watch( array( $this->handover, 'seen' ) );
		$this->changes       = new Changes( $this->outbox, $this->takeover, $this->domains );
		$this->native_checks = new NativeChecks( $this->changes );
		$this->mail          = new MailQueue( $this->settings );
		$this->mails         = new Mails( $this->mail );
		$this->webhook       = new Webhook( $this->settings, new Events( $this->settings, $this->domains, $this->mails, $this->handover ), $this->mail );
	}

	/**
	 * Starts after all plugins are loaded. Ultimate Multisite attaches its provider in plugins_loaded at priority 12; its
	 * older layout does so earlier.
	 *
	 * @param string $file The plugin's main file.
	 */
	public static function start( string $file ): void {
		$plugin = new self();
		register_deactivation_hook( $file, array( $plugin, 'stop' ) );
		if ( did_action( 'plugins_loaded' ) ) {
			// The plugin is being activated. A request that ran during its deactivation may have recorded that it works.
			self::record_idle();
			$plugin->load();
		} else {
			add_action( 'plugins_loaded', array( $plugin, 'load' ), 13 );
		}
	}

	/** Attaches everything, if the requirements are met. */
	public function load(): void {
		// The command line may lack settings of the web server's environment, so it doesn't count.
		$counts = 'cli' !== PHP_SAPI;
		if ( $this->settings->off() ) {
			$counts && self::record_idle();
			return;
		}
		Texts::load();
		$problems = $this->problems();
		$checks   = new Checks( $this->settings, $this->outbox, $this->mail, $problems );
		( new Notices( $this->settings, $this->outbox, $this->domains, $problems ) )->listen();
		( new SiteHealth( $checks ) )->listen();
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			\WP_CLI::add_command( 'pilotsync', new Command( $this->settings, $this->outbox, $checks ) );
		}
		if ( $problems ) {
			$counts && self::record_idle();
			return; // The built-in provider also continues as before.
		}
		Schema::install();
		$this->takeover->detach();
		add_action( 'init', array( $this->takeover, 'detach' ), PHP_INT_MAX ); // In case it is attached late.
		$this->changes->listen();
		if ( $this->settings->webhook_secrets() ) {
			// Without webhooks only this check sets the stage.
			$this->native_checks->listen();
		}
		add_action( 'rest_api_init', array( $this->webhook, 'register' ) );
		add_action( 'rest_api_init', array( new Challenge( $this->settings ), 'register' ) );
		add_action( Retry::ACTION, array( $this, 'flush' ) );
		add_action( Retry::HOURLY, array( $this, 'flush' ) );
		$statuses = new StatusReader( $this->settings, $this->domains );
		( new DomainList( $statuses ) )->listen();
		if ( method_exists( 'Pilotsync\Client', 'check' ) ) { // A library that Composer has loaded may be older.
			( new CheckPage( $this->settings ) )->listen();
		}
		add_action( Retry::HOURLY, array( new Digest( $this->settings, $statuses, $this->mails ), 'hourly' ) );
		add_action( Retry::HOURLY, array( $this->mail, 'send' ) );
		add_action( Retry::ACTION, array( $this->mail, 'send' ) );
		add_action( 'pilotsync_ledger_lost', array( $this->mails, 'ledger_lost' ) );
		add_action( 'init', array( $this->retry, 'schedule_hourly' ) );
		if ( did_action( 'init' ) ) {
			$this->begin(); // The plugin is being activated.
		} else {
			add_action( 'init', array( $this, 'begin' ), PHP_INT_MAX );
		}
	}

	/** Sends the outbox on schedule, and checks for a lost ledger. */
	public function flush(): void {
		try {
			$this->outbox->flush( true );
			$this->handover->check();
		} catch ( \RuntimeException $e ) { // Other scheduled work must run.
			Log::general( $e->getMessage(), 'error' );
			$this->retry->schedule();
		}
	}

	/**
	 * Takes over mappings in progress once the plugin works: after its activation, or after its settings were completed.
	 * Nothing else would change their stages. Names that were mapped again meanwhile stay on the list.
	 */
	public function begin(): void {
		if ( get_site_option( Schema::WORKS ) ) {
			return;
		}
		try {
			Lock::hold(
				'begin',
				0,
				function () {
					$this->changes->hand_over( Mapping::in_progress() );
					$this->changes->hand_over_removed();
					return update_site_option( Schema::WORKS, 1 );
				}
			);
		} catch ( \RuntimeException $e ) {
			Log::general( $e->getMessage(), 'error' );
		}
	}

	/** Records that the plugin isn't active on this network, so that it takes over again later. */
	private static function record_idle(): void {
		if ( get_site_option( Schema::WORKS ) ) {
			delete_site_option( Schema::WORKS );
		}
	}

	/**
	 * Detaches everything when the plugin is deactivated. Waiting changes stay until it is
	 * activated again.
	 */
	public function stop(): void {
		if ( ! $this->problems() && ! $this->settings->off() ) {
			$this->outbox->flush( true );
			try {
				if ( $this->settings->webhook_secrets() ) {
					NativeChecks::resume(); // Without webhooks its check was never disabled.
				}
			} catch ( DatabaseError $e ) {
				Log::general( $e->getMessage(), 'error' ); // The deactivation must continue.
			}
		}
		$this->changes->stop();
		$this->native_checks->stop();
		$this->takeover->give_back();
		$this->retry->stop();
		self::record_idle();
	}

	/**
	 * Why the plugin can't work here.
	 *
	 * @return string[] Empty if it can.
	 */
	private function problems(): array {
		$problems = array();
		if ( ! is_multisite() ) {
			$problems[] = __( 'This WordPress is not a network (multisite).', 'pilotsync' );
		}
		$ultimate = Ultimate::problem();
		if ( '' !== $ultimate ) {
			$problems[] = $ultimate;
		} else {
			$problems = array_merge( $problems, $this->settings->missing() );
		}
		if ( ! self::library() ) {
			$problems[] = __( 'The PHP library of pilotsync is missing; it belongs in the plugin\'s folder lib.', 'pilotsync' );
		}
		if ( ! $problems && ! $this->settings->shared_redis() ) {
			$shared   = new SharedRedis( $this->settings );
			$problems = array_filter( array( $shared->with_cache() ) );
		}
		return $problems;
	}

	/**
	 * Loads the library: with Composer, from lib/ as in the released plugin, or from the parent
	 * folder as in the repository.
	 */
	private static function library(): bool {
		if ( class_exists( 'Pilotsync\Client' ) ) {
			return class_exists( 'Pilotsync\Cause' ); // Releases before 0.2 lack it.
		}
		foreach ( array( dirname( __DIR__ ) . '/lib', dirname( __DIR__, 2 ) ) as $folder ) {
			if ( is_file( $folder . '/autoload.php' ) && is_file( $folder . '/src/Client.php' ) ) {
				require_once $folder . '/autoload.php';
				return class_exists( 'Pilotsync\Client' );
			}
		}
		return false;
	}
}
