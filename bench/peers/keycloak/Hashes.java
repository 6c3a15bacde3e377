import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;

/** Verifications a second of Keycloak's own hash: java -cp bcprov.jar Hashes.java PASSWORD SECONDS. */
class Hashes {
    // The defaults of Keycloak's argon2 provider.
    private static final int MEMORY_KIB = 7168;
    private static final int ITERATIONS = 5;
    private static final int PARALLELISM = 1;
    private static final int LENGTH = 32;

    public static void main(String[] arguments) {
        double seconds = Double.parseDouble(arguments[1]);
        byte[] stored = hash(arguments[0]);
        // The first seconds are the interpreter's and the compiler's.
        rate(arguments[0], stored, 5);
        System.out.println(rate(arguments[0], stored, seconds));
    }

    private static double rate(String password, byte[] stored, double seconds) {
        long began = System.nanoTime();
        long count = 0;
        while (System.nanoTime() - began < seconds * 1e9) {
            if (!Arrays.equals(stored, hash(password))) {
                throw new IllegalStateException();
            }
            count++;
        }
        return count / ((System.nanoTime() - began) / 1e9);
    }

    private static byte[] hash(String password) {
        Argon2Parameters parameters =
                new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
                        .withVersion(Argon2Parameters.ARGON2_VERSION_13)
                        .withSalt(new byte[16])
                        .withParallelism(PARALLELISM)
                        .withMemoryAsKB(MEMORY_KIB)
                        .withIterations(ITERATIONS)
                        .build();
        Argon2BytesGenerator generator = new Argon2BytesGenerator();
        generator.init(parameters);
        byte[] result = new byte[LENGTH];
        generator.generateBytes(password.getBytes(StandardCharsets.UTF_8), result);
        return result;
    }
}
